#include "protocol/flow/turns.hpp"

#include <algorithm>

namespace mw::flow {

turns::user_map::iterator turns::of(std::string_view user) {
  const auto it = users_.find(user);
  return it != users_.end() ? it : users_.try_emplace(std::string{user}).first;
}

bool turns::has_room(const user_queue& q) const {
  const auto share = std::max<uint32_t>(1, static_cast<uint32_t>(policy_.user_share * policy_.max_jobs));
  const uint32_t allowed = q.waiting() + q.running > policy_.widen_at ? policy_.jobs_per_user : 1;
  return q.running < std::min(allowed, share);
}

void turns::into_ring(user_map::iterator at) {
  user_queue& q = at->second;
  if (q.in_ring || q.waiting() == 0 || !has_room(q)) return;
  q.place = ring_.insert(ring_.end(), &at->first);
  q.in_ring = true;
}

void turns::forget_if_idle(user_map::iterator at) {
  const user_queue& q = at->second;
  if (q.waiting() > 0 || q.running > 0) return;
  if (q.in_ring) ring_.erase(q.place);
  users_.erase(at);
}

void turns::set_policy(turn_policy policy) {
  policy_ = policy;
  for (auto at = users_.begin(); at != users_.end(); ++at) into_ring(at);
}

void turns::push(const window* w) {
  const auto at = of(w->ids.user());
  if (at->second.ready.emplace(w->waiting_since, w).second) ++waiting_;
  into_ring(at);
}

void turns::resume(std::string_view user, uint64_t job) {
  const auto at = of(user);
  if (at->second.resumed.insert(job).second) ++waiting_;
  into_ring(at);
}

turn turns::next() {
  while (!ring_.empty()) {
    const auto at = users_.find(*ring_.front());
    ring_.pop_front();
    user_queue& q = at->second;
    q.in_ring = false;
    if (q.waiting() == 0 || !has_room(q)) continue;
    turn t;
    if (!q.resumed.empty()) {
      t.resumed = *q.resumed.begin();
      q.resumed.erase(q.resumed.begin());
    } else {
      t.fresh = q.ready.begin()->second;
      q.ready.erase(q.ready.begin());
    }
    --waiting_;
    ++q.running;
    into_ring(at);
    return t;
  }
  return {};
}

bool turns::try_start(std::string_view user) {
  const auto at = of(user);
  const bool may = has_room(at->second);
  if (may) ++at->second.running;
  forget_if_idle(at);
  return may;
}

void turns::finished(std::string_view user) {
  const auto at = users_.find(user);
  if (at == users_.end() || at->second.running == 0) return;
  --at->second.running;
  into_ring(at);
  forget_if_idle(at);
}

void turns::drop(const window* w) {
  const auto at = users_.find(w->ids.user());
  if (at == users_.end() || at->second.ready.erase({w->waiting_since, w}) == 0) return;
  --waiting_;
  forget_if_idle(at);
}

void turns::drop(std::string_view user, uint64_t job) {
  const auto at = users_.find(user);
  if (at == users_.end() || at->second.resumed.erase(job) == 0) return;
  --waiting_;
  forget_if_idle(at);
}

}  // namespace mw::flow
