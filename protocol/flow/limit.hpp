// How many calls may be in flight to the LLM, and when the next may start. Pure.
// Capacity: slow start (doubling per round of answers) to the first 429, then one step up per round. Only a
// 429 says something about capacity: it cuts by a tenth and ends the slow start. A failure (5xx, time-out, no
// connection) among answers cuts by a tenth as well, but what it cut comes back by slow start. Where nobody
// has been answered for some seconds it is an outage: that leaves the limit as it was, and the first answer
// after it brings back half of it, and all of it a round later.
// Pauses: a 429 pauses everything for as long as the peer says; where it says nothing, for a time that
// doubles with each such pause until a call is answered, and half as many calls try after each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "protocol/flow/job.hpp"

namespace mw::flow {

class in_flight_limit {
 public:
  static constexpr duration first_pause = std::chrono::milliseconds{500};
  static constexpr duration longest_pause = std::chrono::seconds{10};

  /// `maximum` >= 1. Starts at min(maximum, start).
  explicit in_flight_limit(uint32_t maximum, uint32_t start = 16)
      : maximum_(std::max(1U, maximum)), limit_(std::min(maximum_, std::max(1U, start))) {}

  /// What is in flight above it goes on.
  void set_maximum(uint32_t maximum) {
    maximum_ = std::max(1U, maximum);
    limit_ = std::min(limit_, maximum_);
  }
  bool may_start(time_point now) const { return in_flight_ < usable() && now >= paused_until_; }
  void started() { ++in_flight_; }
  void succeeded(time_point now);
  /// 429; `retry_after` 0 where the peer did not say. `jitter` in [0, 1) spreads a pause of our own over its
  /// upper half.
  void throttled(duration retry_after, double jitter, time_point now);
  /// 5xx, a time-out, no connection.
  void failed(time_point now);
  /// Ended without saying anything about load.
  void ended() { in_flight_ = in_flight_ > 0 ? in_flight_ - 1 : 0; }

  uint32_t limit() const { return limit_; }
  uint32_t in_flight() const { return in_flight_; }
  time_point paused_until() const { return paused_until_; }

 private:
  /// The limit, less while nothing but 429 comes.
  uint32_t usable() const { return std::max(1U, pauses_ < 32 ? limit_ >> pauses_ : 0); }
  void pause(duration time, time_point now) { paused_until_ = std::max(paused_until_, now + time); }
  bool cut(time_point now);
  void recovered(time_point now);

  uint32_t maximum_;
  uint32_t limit_;
  uint32_t slow_start_to_ = std::numeric_limits<uint32_t>::max();
  uint32_t in_flight_ = 0;
  uint32_t successes_ = 0;  // in this round
  uint32_t pauses_ = 0;     // of our own, without a success between
  uint32_t failures_ = 0;   // without a success between
  time_point failing_since_{};
  time_point paused_until_{};
  time_point last_cut_{};
};

}  // namespace mw::flow
