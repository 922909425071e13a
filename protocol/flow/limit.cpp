#include "protocol/flow/limit.hpp"

namespace mw::flow {

void in_flight_limit::succeeded() {
  ended();
  if (++successes_ < limit_) return;
  successes_ = 0;
  limit_ = std::min(maximum_, slow_start_ ? limit_ * 2 : limit_ + 1);
}

void in_flight_limit::pushed_back(duration retry_after, time_point now) {
  ended();
  if (retry_after > duration::zero()) paused_until_ = std::max(paused_until_, now + retry_after);
  // One cut a second: the calls that were already on their way say nothing new.
  if (now - last_cut_ < std::chrono::seconds{1} && last_cut_ != time_point{}) return;
  last_cut_ = now;
  slow_start_ = false;
  successes_ = 0;
  limit_ = std::max(1U, limit_ * 9 / 10);
}

}  // namespace mw::flow
