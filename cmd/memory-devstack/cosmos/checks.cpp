#include "cmd/memory-devstack/cosmos/checks.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "protocol/azure/jwt.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/cosmos/signing.hpp"
#include "protocol/http/url.hpp"
#include "protocol/memory/json_fields.hpp"

namespace mw::cosmos_standin {
namespace {

using namespace std::chrono_literals;
constexpr auto date_tolerance = 15min;

http::server_response unauthorized(std::string_view message) {
  return refusal(401, "Unauthorized", message);
}

/// Value of `name=` among parts divided by '&'; the last part keeps its own '='.
std::string part_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const size_t mark = text.find('&');
    const auto part = text.substr(0, mark);
    text = mark == std::string_view::npos ? std::string_view{} : text.substr(mark + 1);
    if (part.starts_with(name) && part.size() > name.size() && part[name.size()] == '=')
      return std::string{part.substr(name.size() + 1)};
  }
  return {};
}

std::optional<http::server_response> check_token(const std::string& token, const access& a,
                                                 std::chrono::system_clock::time_point now) {
  if (!a.entra) return refusal(403, "Forbidden", "Entra tokens are turned off for this account");
  if (std::count(token.begin(), token.end(), '.') != 2)
    return unauthorized("The aad token is not a JSON web token.");
  const std::string claims = azure::jwt_payload(token).value_or("");
  std::string audience;
  uint64_t expires = 0;
  const auto read = memory::json_fields::parse(claims, "token", [&](const memory::json_fields& f) {
    audience = f.text("aud");
    expires = f.number("exp");
  });
  if (!read) return unauthorized("The aad token's claims cannot be read.");
  if (std::chrono::system_clock::from_time_t(static_cast<std::time_t>(expires)) <= now)
    return unauthorized("The aad token has expired.");
  if (!a.audience.empty() && audience != a.audience)
    return unauthorized("The aad token has a wrong audience.");
  return std::nullopt;
}

}  // namespace

http::server_response refusal(int status, std::string_view code, std::string_view message, int substatus) {
  http::server_response r;
  r.status = status;
  json_writer{r.body}.begin_object().field("code", code).field("message", message).end_object();
  if (substatus != 0) r.headers.emplace_back("x-ms-substatus", std::to_string(substatus));
  return r;
}

std::optional<http::server_response> check_authorization(const http::server_request& r, const access& a,
                                                         std::string_view resource_type,
                                                         std::string_view link,
                                                         std::chrono::system_clock::time_point now) {
  const auto value = http::percent_decode(r.header("authorization"));
  if (!value || value->empty())
    return unauthorized(
        "Required Header authorization is missing. Ensure a valid Authorization token is passed.");
  const std::string type = part_of(*value, "type");
  if (part_of(*value, "ver") != "1.0") return unauthorized("The authorization header has no ver=1.0.");
  const size_t at = value->find("&sig=");
  const std::string given = at == std::string::npos ? std::string{} : value->substr(at + 5);
  if (given.empty()) return unauthorized("The authorization header has no sig.");
  if (type == "aad") return check_token(given, a, now);
  if (type != "master" || a.key.empty()) return unauthorized("This type of authorization is not taken.");
  const auto date = r.header("x-ms-date");
  const auto when = cosmos::parse_http_date(date);
  if (when == std::chrono::system_clock::time_point{})
    return unauthorized("The x-ms-date header is missing or no RFC 1123 date.");
  if (std::chrono::abs(now - when) > date_tolerance)
    return unauthorized(
        fmt::format("The authorization token is not valid at the current time. Please create "
                    "another token and retry (token start time: {}, current server time: {}).",
                    date, cosmos::http_date(now)));
  if (given != cosmos::signature(a.key, {r.method, resource_type, link, date}))
    return unauthorized(
        "The input authorization token can't serve the request. The wrong key is being used or "
        "the expected payload is not built as per the protocol.");
  return std::nullopt;
}

std::optional<http::server_response> check_version(const http::server_request& r) {
  constexpr std::array<std::string_view, 6> known{"2015-12-16", "2016-07-11", "2017-02-22",
                                                  "2018-09-17", "2018-12-31", "2020-07-15"};
  for (const auto version : known)
    if (version == r.header("x-ms-version")) return std::nullopt;
  return refusal(400, "BadRequest", "The x-ms-version header is missing or names no known version.");
}

std::optional<std::string> partition_of(const http::server_request& r) {
  const auto text = r.header("x-ms-documentdb-partitionkey");
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) return std::nullopt;
  simdjson::dom::parser parser;
  simdjson::dom::array values;
  std::string_view value;
  if (text.empty() || parser.parse(text.data(), text.size()).get(values) || values.size() != 1 ||
      values.at(0).get(value))
    return std::nullopt;
  return std::string{value};
}

bool takes_id(std::string_view id) {
  return !id.empty() && id.size() <= 1'023 && id.find_first_of("/\\?#") == std::string_view::npos;
}

}  // namespace mw::cosmos_standin
