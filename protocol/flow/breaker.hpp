// One dependency's breaker and health, pure (docs/design.md 6, "Breaker"). Failures of distinct jobs without
// a success between open it; while open one probe at most every `probe_interval` is let through; a success
// closes it and the limit comes back at half, then grows (slow start).
#pragma once

#include <cstdint>
#include <set>

#include "protocol/flow/job.hpp"

namespace mw::flow {

struct breaker_policy {
  uint32_t failures = 5;  ///< distinct jobs
  duration probe_interval = std::chrono::seconds{5};
  duration slow_probe_interval = std::chrono::seconds{30};  ///< after a refusal (401, 403, 404)
};

class breaker {
 public:
  explicit breaker(breaker_policy policy) : policy_(policy) {}

  void set_policy(breaker_policy policy) { policy_ = policy; }
  void success(time_point now);
  /// A transient or fatal failure of this job. True where the breaker opened by it.
  bool failure_of(uint64_t job, bool refused, time_point now);
  /// The stage itself says its dependency is away (a connection was lost).
  void force_open(time_point now);

  bool is_open() const { return open_; }
  /// While open: may a probe go now? Reserves it.
  bool take_probe(time_point now);
  time_point next_probe() const { return next_probe_; }
  /// When it opened last; what was sent before says nothing about now.
  time_point opened_at() const { return opened_at_; }
  time_point closed_at() const { return closed_at_; }

 private:
  duration interval() const { return refused_ ? policy_.slow_probe_interval : policy_.probe_interval; }

  breaker_policy policy_;
  bool open_ = false;
  bool refused_ = false;
  time_point opened_at_{};
  time_point closed_at_{};
  time_point next_probe_{};
  std::set<uint64_t> failed_;  // distinct jobs since the last success; bounded by policy_.failures
};

}  // namespace mw::flow
