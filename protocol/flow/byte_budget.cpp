#include "protocol/flow/byte_budget.hpp"

namespace mw::flow {

void byte_budget::open(uint64_t job) {
  const std::lock_guard lock{mutex_};
  held_.try_emplace(job, 0);
}

bool byte_budget::take(uint64_t job, uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  const auto it = held_.find(job);
  if (it == held_.end()) return false;
  const uint64_t others = used_ - it->second;
  if (others > 0 && others + bytes > total_) return false;
  used_ = others + bytes;
  it->second = bytes;
  return true;
}

void byte_budget::give_back(uint64_t job) {
  const std::lock_guard lock{mutex_};
  const auto it = held_.find(job);
  if (it == held_.end()) return;
  used_ -= it->second;
  held_.erase(it);
}

void byte_budget::give_back_all() {
  const std::lock_guard lock{mutex_};
  used_ = 0;
  held_.clear();
}

uint64_t byte_budget::used() const {
  const std::lock_guard lock{mutex_};
  return used_;
}

}  // namespace mw::flow
