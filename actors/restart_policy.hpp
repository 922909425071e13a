// How a supervisor restarts one child, pure (docs/design.md 2, "supervisor"): restart intensity within a
// period, exponential back-off with jitter (half to whole), reset after a stable period. Losing a connection
// is no crash: it backs off but does not count against the intensity; a dependency that is busy is asked
// again after some seconds, one that refuses us (credentials, permissions, certificate, unknown name) slowly.
// Time and randomness are parameters.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <random>

#include "protocol/flow/job.hpp"

namespace mw {

struct restart_options {
  uint32_t max_restarts = 5;
  flow::duration period = std::chrono::seconds{30};
  flow::duration backoff_min = std::chrono::milliseconds{100};
  flow::duration backoff_max = std::chrono::seconds{30};
};

enum class child_end : uint8_t { crashed, lost, busy, refused };

class restart_policy {
 public:
  /// A lost connection is tried again at least this often.
  static constexpr std::chrono::seconds reconnect_max{5};
  static constexpr std::chrono::seconds busy_min{4};
  explicit restart_policy(restart_options o) : options_(o) {}

  void started(flow::time_point now) { started_ = now; }

  /// The child ended. The delay until its restart; nullopt: the intensity is exceeded, escalate.
  template <class Random>
  std::optional<flow::duration> ended(child_end how, flow::time_point now, Random& random) {
    const bool counts = how == child_end::crashed;
    if (now - started_ > options_.period) attempt_ = 0;
    if (counts) {
      restarts_.push_back(now);
      while (now - restarts_.front() > options_.period) restarts_.pop_front();
      if (restarts_.size() > options_.max_restarts) return std::nullopt;
    }
    const auto most =
        counts ? options_.backoff_max : std::min<flow::duration>(options_.backoff_max, reconnect_max);
    const auto ceiling =
        std::min<flow::duration>(most, options_.backoff_min * (int64_t{1} << std::min(attempt_, 20U)));
    const auto step = std::min(attempt_++, 3U);
    const auto between = [&](flow::duration least, flow::duration most_of_all) {
      return flow::duration{
          std::uniform_int_distribution<int64_t>{least.count(), most_of_all.count()}(random)};
    };
    if (how == child_end::refused) return between(options_.backoff_max, options_.backoff_max * 2);
    if (how == child_end::busy) return between(busy_min * (1 << step), busy_min * (1 << step) * 3 / 2);
    return between(ceiling / 2, ceiling);
  }

 private:
  restart_options options_;
  std::deque<flow::time_point> restarts_;
  flow::time_point started_{};
  uint32_t attempt_ = 0;
};

}  // namespace mw
