#include "protocol/azure/sas.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "protocol/base/ascii.hpp"
#include "protocol/base/base64.hpp"
#include "protocol/base/epoch.hpp"
#include "protocol/base/hex.hpp"

namespace mw::azure {
namespace {

failure wrong(std::string detail) {
  return fail(dependency::bus, errc::misconfigured, "Service Bus connection string: " + std::move(detail));
}

/// Copied with quotation marks around it.
std::string_view bare(std::string_view text) {
  return trim(text, " \t\r\n\"");
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return n;
}

/// `sb://host[:port][/]` into host and port; the port stays 0 where none is given.
status read_endpoint(std::string_view endpoint, bus_connection& out) {
  const auto scheme = endpoint.find("://");
  if (scheme == std::string_view::npos)
    return wrong("Endpoint must look like sb://NAMESPACE.servicebus.windows.net/");
  std::string_view authority = endpoint.substr(scheme + 3);
  authority = authority.substr(0, authority.find('/'));
  out.port = 0;
  const bool bracket = !authority.empty() && authority[0] == '[';
  const auto close = bracket ? authority.find(']') : 0;
  if (close == std::string_view::npos) return wrong("Endpoint has an unfinished [ address");
  if (const auto colon = authority.find(':', close); colon != std::string_view::npos) {
    const auto port = number(authority.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535)
      return wrong("the port in Endpoint is no number from 1 to 65535");
    out.port = static_cast<uint16_t>(*port);
    authority = authority.substr(0, colon);
  }
  out.host = bracket ? authority.substr(1, authority.size() - 2) : authority;
  if (out.host.empty()) return wrong("Endpoint names no host");
  return ok;
}

}  // namespace

result<bus_connection> parse_connection_string(std::string_view text) {
  bus_connection out;
  std::string_view endpoint;
  bool emulator = false;
  for (std::string_view rest = bare(text); !rest.empty();) {
    const auto semicolon = rest.find(';');
    const std::string_view part = bare(rest.substr(0, semicolon));
    rest = semicolon == std::string_view::npos ? std::string_view{} : rest.substr(semicolon + 1);
    if (part.empty()) continue;
    // Only the first '=' divides: keys and signatures contain more of them.
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return wrong("every part must be Name=Value, divided by ';'");
    const std::string_view name = bare(part.substr(0, equals));
    const std::string_view value = bare(part.substr(equals + 1));
    if (same_word(name, "Endpoint")) endpoint = value;
    if (same_word(name, "SharedAccessKeyName")) out.key_name = value;
    if (same_word(name, "SharedAccessKey")) out.key = value;
    if (same_word(name, "SharedAccessSignature")) out.signature = value;
    if (same_word(name, "EntityPath")) out.entity_path = value;
    if (same_word(name, "UseDevelopmentEmulator")) emulator = same_word(value, "true");
  }
  if (endpoint.empty()) return wrong("Endpoint=sb://... is missing");
  if (auto read = read_endpoint(endpoint, out); !read) return read.error();
  if (out.signature.empty()) {
    if (out.key_name.empty()) return wrong("SharedAccessKeyName is missing");
    if (out.key.empty()) return wrong("SharedAccessKey is missing");
  }
  out.tls = !emulator;
  if (out.port == 0) out.port = emulator ? 5672 : 5671;
  return out;
}

result<bus_connection> parse_namespace(std::string_view text, uint16_t default_port) {
  const std::string_view trimmed = bare(text);
  bus_connection out;
  std::string endpoint{trimmed};
  if (trimmed.find("://") == std::string_view::npos) endpoint = "sb://" + endpoint;
  auto read = read_endpoint(endpoint, out);
  // The portal shows a web address: its port is not the bus's.
  if (trimmed.starts_with("https://") || trimmed.starts_with("http://")) out.port = 0;
  if (!read || out.host.find_first_of(" ;=@") != std::string::npos)
    return fail(dependency::bus, errc::misconfigured,
                "receiver.namespace (SERVICEBUS_FULLY_QUALIFIED_NAMESPACE) must look like "
                "NAME.servicebus.windows.net or HOST:PORT");
  if (out.port == 0) out.port = default_port;
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view plain = "-_.!~*'()";
  std::string out;
  out.reserve(text.size() * 3 / 2);
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || plain.find(c) != std::string_view::npos)
      out.push_back(c);
    else
      append_percent(out, c);
  }
  return out;
}

std::string make_sas_token(std::string_view audience, std::string_view key_name, std::string_view key,
                           std::chrono::system_clock::time_point expires) {
  const std::string resource = percent_encode(audience);
  // Rounded up: the signature must not end before the caller thinks it does.
  const std::string end =
      std::to_string(std::chrono::ceil<std::chrono::seconds>(expires.time_since_epoch()).count());
  const std::string to_sign = resource + "\n" + end;
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int mac_size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(to_sign.data()), to_sign.size(), mac.data(), &mac_size);
  const std::string signature = base64({reinterpret_cast<const char*>(mac.data()), mac_size});
  std::string token = "SharedAccessSignature sr=" + resource;
  token.append("&sig=").append(percent_encode(signature));
  token.append("&se=").append(end);
  token.append("&skn=").append(percent_encode(key_name));
  return token;
}

std::chrono::system_clock::time_point sas_expiry(std::string_view token) {
  for (size_t at = token.find("se="); at != std::string_view::npos; at = token.find("se=", at + 1)) {
    if (at > 0 && token[at - 1] != '&' && token[at - 1] != ' ') continue;
    const std::string_view digits = token.substr(at + 3);
    const auto seconds = number(digits.substr(0, digits.find('&')));
    if (!seconds || !std::in_range<int64_t>(*seconds)) return {};
    return at_epoch_seconds(static_cast<int64_t>(*seconds)).value_or(std::chrono::system_clock::time_point{});
  }
  return {};
}

}  // namespace mw::azure
