#include "protocol/llm/quota.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace mw::llm {
namespace {

using std::chrono::milliseconds;

constexpr double longest_ms = 3'600'000;

std::optional<uint64_t> number_of(std::string_view text) {
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return n;
}

/// Milliseconds of a unit; 0: none of ours.
double unit_ms(std::string_view unit) {
  if (unit == "h") return 3'600'000;
  if (unit == "m") return 60'000;
  if (unit == "s") return 1'000;
  if (unit == "ms") return 1;
  if (unit == "us" || unit == "\xc2\xb5s") return 0.001;
  return 0;
}

quota read_quota(const http::response& r, const std::string& what) {
  quota q;
  q.remaining = number_of(r.header("x-ratelimit-remaining-" + what));
  if (!q.remaining) return q;
  q.limit = number_of(r.header("x-ratelimit-limit-" + what)).value_or(0);
  q.reset = read_reset(r.header("x-ratelimit-reset-" + what));
  if (*q.remaining == 0 && q.limit == 0) q.remaining.reset();
  return q;
}

}  // namespace

milliseconds read_reset(std::string_view text) {
  double sum = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    double amount = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), amount);
    if (text[at] < '0' || text[at] > '9' || error != std::errc{}) return {};
    at = static_cast<size_t>(end - text.data());
    const size_t next = std::min(text.find_first_of("0123456789", at), text.size());
    const auto unit = text.substr(at, next - at);
    const double ms = unit.empty() && begin == 0 && next == text.size() ? 1'000 : unit_ms(unit);
    if (ms == 0) return {};
    sum += amount * ms;
    at = next;
  }
  return milliseconds{static_cast<int64_t>(std::ceil(std::min(sum, longest_ms)))};
}

quotas read_quotas(const http::response& r) {
  return {read_quota(r, "requests"), read_quota(r, "tokens")};
}

}  // namespace mw::llm
