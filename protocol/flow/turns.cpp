#include "protocol/flow/turns.hpp"

#include <algorithm>

namespace mw::flow {

turns::user_map::iterator turns::of(std::string_view user) {
  const auto it = users_.find(user);
  return it != users_.end() ? it : users_.try_emplace(std::string{user}).first;
}

bool turns::has_room(const user_queue& q) const {
  const uint32_t allowed = q.waiting() + q.running > policy_.widen_at ? policy_.jobs_per_user : 1;
  return q.running < allowed;
}

bool turns::within_share(const user_queue& q) const {
  return q.running < std::max<uint32_t>(1, static_cast<uint32_t>(policy_.user_share * policy_.max_jobs));
}

void turns::leave_ring(user_queue& q) {
  if (q.in != nullptr) q.in->erase(q.place);
  q.in = nullptr;
}

void turns::changed(user_map::iterator at) {
  user_queue& q = at->second;
  const size_t all = q.waiting() + q.running;
  beyond_ -= q.beyond;
  q.beyond = all > policy_.user_ready ? all - policy_.user_ready : 0;
  beyond_ += q.beyond;
  ring* const into = q.waiting() == 0 || !has_room(q) ? nullptr : within_share(q) ? &ring_ : &sated_;
  if (into != q.in) {
    leave_ring(q);
    if (into != nullptr) q.place = into->insert(into->end(), &at->first);
    q.in = into;
  }
  if (all == 0) users_.erase(at);
}

void turns::set_policy(turn_policy policy) {
  policy_ = policy;
  for (auto at = users_.begin(); at != users_.end();) changed(at++);
}

void turns::push(const window* w) {
  const auto at = of(w->ids.user());
  if (at->second.ready.emplace(w->waiting_since, w).second) ++waiting_;
  changed(at);
}

void turns::resume(std::string_view user, uint64_t job) {
  const auto at = of(user);
  if (at->second.resumed.insert(job).second) ++waiting_;
  changed(at);
}

turn turns::next() {
  const ring& from = ring_.empty() ? sated_ : ring_;
  if (from.empty()) return {};
  const auto at = users_.find(*from.front());
  user_queue& q = at->second;
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
  leave_ring(q);  // back to the end
  changed(at);
  return t;
}

bool turns::try_start(std::string_view user) {
  const auto at = of(user);
  const bool may = has_room(at->second) && (within_share(at->second) || ring_.empty());
  if (may) ++at->second.running;
  changed(at);
  return may;
}

void turns::finished(std::string_view user) {
  const auto at = users_.find(user);
  if (at == users_.end() || at->second.running == 0) return;
  --at->second.running;
  changed(at);
}

void turns::drop(const window* w) {
  const auto at = users_.find(w->ids.user());
  if (at == users_.end() || at->second.ready.erase({w->waiting_since, w}) == 0) return;
  --waiting_;
  changed(at);
}

void turns::drop(std::string_view user, uint64_t job) {
  const auto at = users_.find(user);
  if (at == users_.end() || at->second.resumed.erase(job) == 0) return;
  --waiting_;
  changed(at);
}

}  // namespace mw::flow
