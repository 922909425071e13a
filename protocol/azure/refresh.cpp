#include "protocol/azure/refresh.hpp"

#include <algorithm>

namespace mw::azure {
namespace {

using namespace std::chrono_literals;

milliseconds scaled(milliseconds t, double by) {
  return milliseconds{static_cast<int64_t>(static_cast<double>(t.count()) * by)};
}

milliseconds doubled(milliseconds first, unsigned n, milliseconds most) {
  return std::min(most, first * (int64_t{1} << std::min(n - 1, 20U)));
}

}  // namespace

milliseconds refresh_delay(milliseconds life, milliseconds refresh_in, double random) {
  const milliseconds base = refresh_in > 0ms && refresh_in < life ? refresh_in : life / 2;
  return std::min(scaled(base, 0.9 + 0.2 * random), scaled(life, 0.9));
}

milliseconds refresh_retry_delay(unsigned n, milliseconds left, const failure& why, double random) {
  const milliseconds most = std::clamp<milliseconds>(left / 4, 250ms, 30s);
  return std::max(scaled(doubled(1s, n, most), 0.5 + 0.5 * random), why.retry_after);
}

milliseconds pause_after(unsigned n, const failure& why, double random) {
  const bool for_a_person = classify(why.code) == error_class::fatal;
  const milliseconds pause = scaled(doubled(1s, n, for_a_person ? 15s : 5s), 0.75 + 0.25 * random);
  return std::max(pause, std::min<milliseconds>(why.retry_after, 30s));
}

std::optional<milliseconds> request_retry_delay(issuer who, unsigned attempt, int status,
                                                milliseconds retry_after, milliseconds unit, double random) {
  const bool imds = who == issuer::imds;
  const bool again = status == 0 || status == 408 || status == 429 || status >= 500 ||
                     (imds && (status == 404 || status == 410));
  if (!again || attempt > (imds ? 5U : 2U)) return std::nullopt;
  // With five retries the waits add up to 31 units: 410 needs 70 s at the least, jitter included.
  const double factor = status == 410 ? 3.75 : 1.0;
  const milliseconds wait = scaled(doubled(unit, attempt, 64 * unit), factor * (0.8 + 0.4 * random));
  // A long wait is the caller's to plan: the answer is a failure with retry_after.
  if (!imds && retry_after > 5s) return std::nullopt;
  return std::max(wait, std::min<milliseconds>(retry_after, 60s));
}

}  // namespace mw::azure
