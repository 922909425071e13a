// How many calls may be in flight to the LLM: slow start (doubling per round) to the first push-back, then
// one step up per round without push-back and x0.9 per push-back, a pause when the peer names one (reference:
// engineering 2). Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "protocol/flow/job.hpp"

namespace mw::flow {

class in_flight_limit {
 public:
  /// `maximum` >= 1. Starts at min(maximum, start).
  explicit in_flight_limit(uint32_t maximum, uint32_t start = 16)
      : maximum_(std::max(1U, maximum)), limit_(std::min(maximum_, std::max(1U, start))) {}

  /// What is in flight above it goes on.
  void set_maximum(uint32_t maximum) {
    maximum_ = std::max(1U, maximum);
    limit_ = std::min(limit_, maximum_);
  }
  bool may_start(time_point now) const { return in_flight_ < limit_ && now >= paused_until_; }
  void started() { ++in_flight_; }
  void succeeded();
  /// 429, 503 or a time-out; `retry_after` 0 where the peer did not say.
  void pushed_back(duration retry_after, time_point now);
  /// Ended without saying anything about load.
  void ended() { in_flight_ = in_flight_ > 0 ? in_flight_ - 1 : 0; }

  uint32_t limit() const { return limit_; }
  uint32_t in_flight() const { return in_flight_; }
  time_point paused_until() const { return paused_until_; }

 private:
  uint32_t maximum_;
  uint32_t limit_;
  uint32_t in_flight_ = 0;
  uint32_t successes_ = 0;  // in this round
  bool slow_start_ = true;
  time_point paused_until_{};
  time_point last_cut_{};
};

}  // namespace mw::flow
