#include "protocol/flow/limit.hpp"

namespace mw::flow {
namespace {

/// From here on failures without an answer between them are an outage.
constexpr uint32_t outage_failures = 3;
constexpr duration outage_time = std::chrono::seconds{3};

}  // namespace

void in_flight_limit::succeeded(time_point now) {
  ended();
  pauses_ = 0;
  if (failures_ > 0) recovered(now);
  if (++successes_ < limit_) return;
  successes_ = 0;
  const uint32_t next = limit_ < slow_start_to_ ? std::min(slow_start_to_, limit_ * 2) : limit_ + 1;
  limit_ = std::min(maximum_, next);
}

void in_flight_limit::recovered(time_point now) {
  const bool outage = failures_ >= outage_failures && now - failing_since_ >= outage_time;
  failures_ = 0;
  const uint32_t before = limit_;
  if (outage) {
    limit_ = std::max(1U, limit_ / 2);
    successes_ = 0;
  } else if (!cut(now)) {
    return;
  }
  slow_start_to_ = std::max(slow_start_to_, before);
}

void in_flight_limit::throttled(duration retry_after, double jitter, time_point now) {
  ended();
  if (retry_after > duration::zero()) {
    pause(retry_after, now);
  } else if (now >= paused_until_) {
    // One pause for all calls that were on their way when it began.
    const auto whole = std::min(longest_pause, first_pause * (int64_t{1} << std::min(pauses_, 16U)));
    const duration half = whole / 2;
    pause(half + duration{static_cast<duration::rep>(jitter * static_cast<double>(half.count()))}, now);
    ++pauses_;
  }
  if (cut(now)) slow_start_to_ = limit_;
}

void in_flight_limit::failed(time_point now) {
  ended();
  if (failures_++ == 0) failing_since_ = now;
}

// One cut a second: the calls that were already on their way say nothing new.
bool in_flight_limit::cut(time_point now) {
  if (now - last_cut_ < std::chrono::seconds{1} && last_cut_ != time_point{}) return false;
  last_cut_ = now;
  successes_ = 0;
  limit_ = std::max(1U, limit_ * 9 / 10);
  return true;
}

}  // namespace mw::flow
