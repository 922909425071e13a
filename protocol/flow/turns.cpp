#include "protocol/flow/turns.hpp"

#include <algorithm>

namespace mw::flow {

bool turns::may_run(const user_queue& q) const {
  const auto share = std::max<uint32_t>(1, static_cast<uint32_t>(policy_.user_share * policy_.max_jobs));
  const uint32_t allowed = q.ready.size() + q.running > policy_.widen_at ? policy_.jobs_per_user : 1;
  return !q.ready.empty() && q.running < std::min(allowed, share);
}

void turns::into_ring(const std::string& user, user_queue& q) {
  if (q.in_ring || !may_run(q)) return;
  q.place = ring_.insert(ring_.end(), user);
  q.in_ring = true;
}

void turns::forget_if_idle(const std::string& user) {
  const auto it = users_.find(user);
  if (it == users_.end() || !it->second.ready.empty() || it->second.running > 0) return;
  if (it->second.in_ring) ring_.erase(it->second.place);
  users_.erase(it);
}

void turns::push(const window* w) {
  const std::string user{w->ids.user()};
  auto& q = users_[user];
  q.ready.push_back(w);
  ++waiting_;
  into_ring(user, q);
}

const window* turns::next() {
  while (!ring_.empty()) {
    const std::string user = ring_.front();
    ring_.pop_front();
    auto& q = users_.at(user);
    q.in_ring = false;
    if (!may_run(q)) continue;
    const window* w = q.ready.front();
    q.ready.pop_front();
    --waiting_;
    ++q.running;
    into_ring(user, q);
    return w;
  }
  return nullptr;
}

void turns::started(std::string_view user) {
  ++users_[std::string{user}].running;
}

void turns::finished(std::string_view user) {
  const std::string name{user};
  const auto it = users_.find(name);
  if (it == users_.end() || it->second.running == 0) return;
  --it->second.running;
  into_ring(name, it->second);
  forget_if_idle(name);
}

void turns::drop(const window* w) {
  const std::string user{w->ids.user()};
  const auto it = users_.find(user);
  if (it == users_.end()) return;
  auto& ready = it->second.ready;
  const auto at = std::find(ready.begin(), ready.end(), w);
  if (at == ready.end()) return;
  ready.erase(at);
  --waiting_;
  forget_if_idle(user);
}

const window* turns::oldest() const {
  const window* best = nullptr;
  for (const auto& [user, q] : users_)
    if (!q.ready.empty() && (best == nullptr || q.ready.front()->waiting_since < best->waiting_since))
      best = q.ready.front();
  return best;
}

}  // namespace mw::flow
