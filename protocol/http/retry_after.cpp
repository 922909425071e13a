#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/base/epoch.hpp"
#include "protocol/http/client.hpp"

namespace mw::http {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds longest = std::chrono::minutes{10};

/// A non-negative number, whole or with a fraction; -1 for anything else.
double number(std::string_view text) {
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0)) return -1;
  return value;
}

milliseconds capped(double ms) {
  return ms >= static_cast<double>(longest.count()) ? longest : milliseconds{static_cast<int64_t>(ms)};
}

/// Of the kinds that HTTP has; nullopt where it is none, or lies where our clock cannot count.
std::optional<std::chrono::system_clock::time_point> date(const std::string& text) {
  return at_epoch_seconds(text.empty() ? -1 : curl_getdate(text.c_str(), nullptr));
}

}  // namespace

std::string_view response::header(std::string_view name) const {
  for (const auto& [n, v] : headers)
    if (n == name) return v;
  return {};
}

milliseconds retry_after(const response& r, std::chrono::system_clock::time_point now) {
  if (const double ms = number(r.header("retry-after-ms")); ms >= 0) return capped(ms);
  const std::string text{r.header("retry-after")};
  if (text.empty()) return {};
  if (const double seconds = number(text); seconds >= 0) return capped(seconds * 1000);
  const auto at = date(text);
  if (!at) return {};
  const auto wait = std::chrono::ceil<milliseconds>(*at - now);
  return std::clamp(wait, milliseconds{0}, longest);
}

std::chrono::system_clock::time_point date_of(const response& r,
                                              std::chrono::system_clock::time_point otherwise) {
  return date(std::string{r.header("date")}).value_or(otherwise);
}

}  // namespace mw::http
