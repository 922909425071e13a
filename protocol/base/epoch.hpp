// Seconds since the epoch, as peers write them, on the system's clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace mw {

/// nullopt before 1970, and beyond 2255: the clock counts nanoseconds and ends in 2262.
inline std::optional<std::chrono::system_clock::time_point> at_epoch_seconds(int64_t seconds) {
  constexpr int64_t last = 9'000'000'000;
  if (seconds < 0 || seconds > last) return std::nullopt;
  return std::chrono::system_clock::time_point{std::chrono::seconds{seconds}};
}

}  // namespace mw
