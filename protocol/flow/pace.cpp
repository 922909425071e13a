#include "protocol/flow/pace.hpp"

#include <algorithm>

namespace mw::flow {
namespace {

constexpr duration quota_period = std::chrono::minutes{1};

double seconds(duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace

double quota_bucket::left_at(time_point now) const {
  if (limit_ <= 0) return left_;
  return std::min(limit_, left_ + limit_ * seconds(now - at_) / seconds(quota_period));
}

void quota_bucket::told(uint64_t remaining, uint64_t limit, duration reset, time_point now) {
  left_ = static_cast<double>(remaining);
  limit_ = static_cast<double>(std::max(limit, limit == 0 ? 0 : remaining));
  at_ = now;
  renewed_ = now + (reset > duration::zero() ? std::min(reset, quota_period) : quota_period);
}

void quota_bucket::spend(double amount, time_point now) {
  if (now >= renewed_) return;
  left_ = left_at(now) - amount;
  at_ = now;
}

time_point quota_bucket::ready(double amount, time_point now) const {
  if (now >= renewed_) return now;
  const double missing = amount - left_at(now);
  if (missing <= 0) return now;
  if (limit_ <= 0 || amount > limit_) return renewed_;
  const auto wait = std::chrono::duration<double>(missing / limit_ * seconds(quota_period));
  return std::min(renewed_, now + std::chrono::ceil<std::chrono::milliseconds>(wait));
}

void pace::answered(uint64_t prompt_tokens) {
  if (prompt_tokens == 0) return;
  const auto seen = static_cast<double>(prompt_tokens);
  prompt_ = prompt_ == 0 ? seen : prompt_ + (seen - prompt_) / 8;
}

void pace::started(uint32_t max_output, time_point now) {
  requests.spend(1, now);
  tokens.spend(cost(max_output), now);
}

time_point pace::ready(uint32_t max_output, time_point now) const {
  return std::max(requests.ready(1, now), tokens.ready(cost(max_output), now));
}

}  // namespace mw::flow
