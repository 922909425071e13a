// Keeps calls within what the LLM says is left of its quota, so that they slow down before it answers 429.
// Two buckets, requests and tokens a minute; each word of the peer sets a bucket, each call started takes
// from it, time fills it. Says nothing until the peer has, and nothing a minute after its last word. Pure.
#pragma once

#include <cstdint>

#include "protocol/flow/job.hpp"

namespace mw::flow {

class quota_bucket {
 public:
  /// `remaining` of `limit` a minute (0: not said) are left; all of it is back after `reset` (0: not said).
  void told(uint64_t remaining, uint64_t limit, duration reset, time_point now);
  void spend(double amount, time_point now);
  /// From when on `amount` is there; not after `now`: at once.
  time_point ready(double amount, time_point now) const;

 private:
  double left_at(time_point now) const;

  double left_ = 0;
  double limit_ = 0;
  time_point at_{};       // of left_
  time_point renewed_{};  // all is back, or the peer's word is too old
};

class pace {
 public:
  quota_bucket requests;
  quota_bucket tokens;

  /// An answer cost so many prompt tokens; what a call takes is the average of it and the output limit that
  /// it asks for (that is how the quota is counted).
  void answered(uint64_t prompt_tokens);
  void started(uint32_t max_output, time_point now);
  time_point ready(uint32_t max_output, time_point now) const;

 private:
  double cost(uint32_t max_output) const { return prompt_ + max_output; }
  double prompt_ = 0;  // moving average
};

}  // namespace mw::flow
