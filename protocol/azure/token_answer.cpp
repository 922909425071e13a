#include "protocol/azure/token_answer.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "protocol/azure/jwt.hpp"
#include "protocol/base/utf8.hpp"

namespace mw::azure {
namespace {

using simdjson::dom::element;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::system_clock;

constexpr size_t longest_words = 300;
constexpr int64_t longest_life = 400 * 24 * 3600;
constexpr int64_t most_seconds = 100'000'000'000;  ///< of a span or since the epoch; more is no time

std::optional<int64_t> plausible(std::optional<int64_t> n) {
  return n && *n >= -most_seconds && *n <= most_seconds ? n : std::nullopt;
}

std::string text_at(const element& root, const char* name) {
  std::string_view text;
  return root[name].get(text) == simdjson::SUCCESS ? std::string{text} : std::string{};
}

/// Seconds as a number or, as the identity endpoints write them, a string.
std::optional<int64_t> seconds_at(const element& root, const char* name) {
  int64_t n = 0;
  if (root[name].get(n) == simdjson::SUCCESS) return plausible(n);
  double real = 0;
  if (root[name].get(real) == simdjson::SUCCESS)
    return std::abs(real) <= static_cast<double>(most_seconds) ? std::optional{static_cast<int64_t>(real)}
                                                               : std::nullopt;
  const std::string text = text_at(root, name);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return plausible(n);
}

int64_t epoch_seconds(system_clock::time_point t) {
  return std::chrono::duration_cast<seconds>(t.time_since_epoch()).count();
}

result<grant> granted(std::string token, std::optional<int64_t> life) {
  if (token.empty()) return fail(errc::unreachable, "the answer holds no access_token");
  if (!life) return fail(errc::unreachable, "the answer does not say how long the token lives");
  if (*life <= 0) return fail(errc::unreachable, "the token is past its life already");
  return grant{std::move(token), seconds{std::min(*life, longest_life)}, {}};
}

errc code_of(int status, std::string_view error, std::string_view words) {
  if (status == 429) return errc::throttled;
  if (status == 408 || status >= 500 || error == "temporarily_unavailable") return errc::unreachable;
  if (status == 403) return errc::forbidden;
  if (status == 404 || error == "invalid_tenant" || error == "invalid_resource" || error == "invalid_scope" ||
      words.find("AADSTS90002") != std::string_view::npos)
    return errc::misconfigured;
  return errc::unauthorized;
}

failure refusal(const http::response& r, system_clock::time_point now) {
  simdjson::dom::parser parser;
  element root;
  std::string error;
  std::string words;
  if (parser.parse(r.body).get(root) == simdjson::SUCCESS && root.is_object()) {
    error = text_at(root, "error");
    words = text_at(root, "error_description");
    if (words.empty()) words = text_at(root, "message");
  }
  words = first_words(words);
  failure f = fail(code_of(r.status, error, words), "status " + std::to_string(r.status));
  if (!error.empty()) f.detail.append(" ").append(first_words(error));
  if (!words.empty()) f.detail.append(": ").append(words);
  f.retry_after = http::retry_after(r, now);
  return f;
}

}  // namespace

std::string first_words(std::string_view text) {
  text = text.substr(0, text.find_first_of("\r\n"));
  for (const std::string_view mark : {" Trace ID:", " Correlation ID:", " Timestamp:"})
    text = text.substr(0, text.find(mark));
  std::string out;
  for (const char c : utf8_prefix(text, longest_words))
    out.push_back(static_cast<unsigned char>(c) < ' ' || c == 127 ? ' ' : c);
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  return out;
}

std::string resource_of(std::string_view scope) {
  constexpr std::string_view suffix = "/.default";
  if (scope.ends_with(suffix)) scope.remove_suffix(suffix.size());
  return std::string{scope};
}

result<grant> read_token_answer(const http::response& r, system_clock::time_point now) {
  if (r.status != 200) return refusal(r, now);
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(r.body).get(root) != simdjson::SUCCESS || !root.is_object())
    return fail(errc::unreachable, "the answer is no JSON object");
  auto life = seconds_at(root, "expires_in");
  if (!life)
    if (const auto end = seconds_at(root, "expires_on")) life = *end - epoch_seconds(http::date_of(r, now));
  auto g = granted(text_at(root, "access_token"), life);
  if (!g) return g;
  g->refresh_in = seconds{std::clamp<int64_t>(seconds_at(root, "refresh_in").value_or(0), 0, longest_life)};
  return g;
}

result<grant> read_cli_answer(std::string_view json, system_clock::time_point now) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || !root.is_object())
    return fail(errc::unreachable, "az printed no JSON object");
  std::string token = text_at(root, "accessToken");
  // Versions before 2.54 print local time only, which names no zone; the token itself knows better.
  auto end = seconds_at(root, "expires_on");
  if (!end) end = plausible(jwt_number(token, "exp"));
  return granted(std::move(token), end ? std::optional{*end - epoch_seconds(now)} : std::nullopt);
}

}  // namespace mw::azure
