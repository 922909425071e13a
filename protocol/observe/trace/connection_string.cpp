#include "protocol/observe/trace/connection_string.hpp"

#include <algorithm>

#include "protocol/base/ascii.hpp"
#include "protocol/base/hex.hpp"

namespace mw::observe {

namespace {

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : hex_value(text[i]) < 0) return false;
  }
  return true;
}

failure wrong(std::string_view what) {
  return fail(errc::misconfigured, std::string{"APPLICATIONINSIGHTS_CONNECTION_STRING: "}.append(what));
}

}  // namespace

std::string insights_connection::entra_scope() const {
  constexpr std::string_view everything = "/.default";
  auto base = audience.empty() ? std::string{"https://monitor.azure.com"} : audience;
  while (base.ends_with('/')) base.pop_back();
  return base.ends_with(everything) ? base : base.append(everything);
}

result<insights_connection> parse_insights_connection(std::string_view text) {
  insights_connection out;
  std::string suffix;
  std::string location;
  while (!text.empty()) {
    const size_t semicolon = std::min(text.find(';'), text.size());
    const auto part = trim(text.substr(0, semicolon));
    text.remove_prefix(std::min(semicolon + 1, text.size()));
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) return wrong("a part is not KEY=VALUE");
    const auto key = lower_case(trim(part.substr(0, equals)));
    const std::string value{trim(part.substr(equals + 1))};
    if (key == "instrumentationkey") out.instrumentation_key = value;
    if (key == "ingestionendpoint") out.endpoint = value;
    if (key == "endpointsuffix") suffix = value;
    if (key == "location") location = value;
    if (key == "aadaudience") out.audience = value;
  }
  if (!is_uuid(out.instrumentation_key)) return wrong("InstrumentationKey is missing or is not a UUID");
  if (out.endpoint.empty()) {
    out.endpoint = suffix.empty()     ? "https://dc.services.visualstudio.com"
                   : location.empty() ? "https://dc." + suffix
                                      : "https://" + location + ".dc." + suffix;
  }
  const auto scheme = lower_case(out.endpoint.substr(0, out.endpoint.find(':')));
  if ((scheme != "https" && scheme != "http") || out.endpoint.size() < scheme.size() + 4)
    return wrong("IngestionEndpoint is not an http or https URL");
  while (out.endpoint.ends_with('/')) out.endpoint.pop_back();
  return out;
}

}  // namespace mw::observe
