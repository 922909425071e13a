#include "cmd/memory-devstack/entra/aadsts.hpp"

#include <fmt/format.h>

#include "protocol/base/json_writer.hpp"
#include "protocol/http/url.hpp"

namespace mw::devstack {

http::server_response json_response(int status, std::string body) {
  http::server_response r;
  r.status = status;
  r.content_type = "application/json; charset=utf-8";
  r.headers = {{"Cache-Control", "no-store, no-cache"}, {"Pragma", "no-cache"}};
  r.body = std::move(body);
  return r;
}

http::server_response aadsts(int status, std::string_view error, int code, std::string_view text) {
  constexpr std::string_view trace = "00000000-0000-0000-0000-0000000000aa";
  std::string body;
  json_writer w{body};
  w.begin_object().field("error", error);
  w.field("error_description",
          fmt::format("AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: 2026-01-01 00:00:00Z", code,
                      text, trace, trace));
  w.key("error_codes").begin_array().value(code).end_array();
  w.field("timestamp", "2026-01-01 00:00:00Z").field("trace_id", trace).field("correlation_id", trace);
  w.field("error_uri", fmt::format("https://login.microsoftonline.com/error?code={}", code)).end_object();
  return json_response(status, std::move(body));
}

std::optional<std::map<std::string, std::string>> parse_form(std::string_view body) {
  std::map<std::string, std::string> form;
  while (!body.empty()) {
    const auto end = body.find('&');
    const auto part = body.substr(0, end);
    body = end == std::string_view::npos ? std::string_view{} : body.substr(end + 1);
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const auto name = http::percent_decode(part.substr(0, equals), true);
    auto content = http::percent_decode(part.substr(equals + 1), true);
    if (!name || !content || !form.emplace(*name, std::move(*content)).second) return std::nullopt;
  }
  return form;
}

}  // namespace mw::devstack
