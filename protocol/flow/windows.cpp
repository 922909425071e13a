#include "protocol/flow/windows.hpp"

#include <algorithm>

namespace mw::flow {
namespace {

// The key (user, session) of a stored window never changes; the other fields may.
window& mutable_ref(const window& w) {
  return const_cast<window&>(w);
}

size_t user_hash(const window& w) {
  return std::hash<std::string_view>{}(w.ids.user());
}

}  // namespace

std::optional<closed_by> windows::reason_to_close(const window& w, time_point now) const {
  if (w.closed != closed_by::quiet) return w.closed;
  if (w.delivery_count > 0) return closed_by::redelivery;
  if (policy_.quiet == duration::zero() || now >= w.opened + policy_.max_age) return closed_by::age;
  if (w.events >= policy_.max_events) return closed_by::events;
  if (policy_.max_tokens > 0 && uint64_t{w.events} * policy_.tokens_per_event >= policy_.max_tokens)
    return closed_by::tokens;
  const auto of_user = of_user_.find(user_hash(w));
  if (of_user != of_user_.end() && of_user->second > policy_.user_windows) return closed_by::room;
  return std::nullopt;
}

bool windows::may_wait(const window& w, time_point now) const {
  return !reason_to_close(w, now);
}

// True where it became ready.
bool windows::close_or_open(window& w, time_point due, time_point now) {
  auto why = reason_to_close(w, now);
  if (!why && due <= now) why = closed_by::quiet;
  if (why) {
    make_ready(w, *why, now);
  } else {
    open_until(w, due);
  }
  return why.has_value();
}

void windows::open_until(window& w, time_point due) {
  due_.erase({w.due, &w});
  w.due = due;
  due_.emplace(due, &w);
  opened_.emplace(w.opened, &w);
}

void windows::leave_open(window& w) {
  due_.erase({w.due, &w});
  opened_.erase({w.opened, &w});
}

void windows::count_user(const window& w, int by) {
  const auto at = of_user_.try_emplace(user_hash(w)).first;
  at->second += static_cast<uint32_t>(by);
  if (at->second == 0) of_user_.erase(at);
}

void windows::queued(const window* w, window::queue in) {
  mutable_ref(*w).in = in;
}

void windows::detach(const window* w) {
  mutable_ref(*w).sequence_number = no_delivery;
}

void windows::make_ready(window& w, closed_by why, time_point now) {
  leave_open(w);
  w.ready = true;
  w.closed = why;
  w.waiting_since = now;
  waiting_.emplace(now, &w);
}

void windows::set_policy(window_policy policy, time_point now) {
  policy_ = policy;
  std::vector<window*> open;
  open.reserve(due_.size());
  for (const auto& [due, w] : due_) open.push_back(w);
  for (window* w : open) open_until(*w, std::min({w->due, now + policy_.quiet, w->opened + policy_.max_age}));
}

windows::added windows::add(const arrival& a, time_point now) {
  added result;
  const auto found = table_.find(std::pair{a.ids.user(), a.ids.session()});
  if (found == table_.end()) {
    window fresh;
    fresh.ids = a.ids;
    fresh.sequence_number = a.sequence_number;
    fresh.completed_at_ms = a.completed_at_ms;
    fresh.enqueued_ms = a.enqueued_ms;
    fresh.delivery_count = a.delivery_count;
    fresh.opened = now;
    fresh.due = now;
    fresh.events = 1;
    result.in = &*table_.insert(std::move(fresh)).first;
    count_user(*result.in, 1);
  } else {
    window& w = mutable_ref(*found);
    result.in = &w;
    if (a.sequence_number == w.sequence_number) {
      w.delivery_count = a.delivery_count;
    } else {
      const bool newer = is_newer(a.enqueued_ms, a.sequence_number, w.enqueued_ms, w.sequence_number);
      ++w.events;
      w.completed_at_ms = std::max(w.completed_at_ms, a.completed_at_ms);
      w.enqueued_ms = std::max(w.enqueued_ms, a.enqueued_ms);
      result.covered = newer ? w.sequence_number : a.sequence_number;
      if (newer) {
        w.ids = a.ids;
        w.sequence_number = a.sequence_number;
        w.delivery_count = a.delivery_count;
      }
    }
  }
  window& w = mutable_ref(*result.in);
  if (w.ready) return result;
  // The newest completedAt decides: an older event that arrives late never brings the close nearer.
  const duration quiet_left = policy_.quiet - std::max(duration::zero(), a.since_completed);
  const auto due = std::min(std::max(w.due, now + quiet_left), w.opened + policy_.max_age);
  result.closed = close_or_open(w, due, now);
  return result;
}

std::vector<const window*> windows::close_due(time_point now) {
  std::vector<const window*> closed;
  while (!due_.empty() && due_.begin()->first <= now) {
    window* w = due_.begin()->second;
    make_ready(*w, w->due >= w->opened + policy_.max_age ? closed_by::age : closed_by::quiet, now);
    closed.push_back(w);
  }
  return closed;
}

std::vector<const window*> windows::close_oldest(size_t n, time_point now) {
  std::vector<const window*> closed;
  for (; n > 0 && !opened_.empty(); --n) {
    window* w = opened_.begin()->second;
    make_ready(*w, closed_by::room, now);
    closed.push_back(w);
  }
  return closed;
}

std::vector<const window*> windows::flush(std::string_view user, std::string_view session, time_point now) {
  std::vector<const window*> closed;
  for (const window& c : table_) {
    if (!user.empty() && c.ids.user() != user) continue;
    if (!session.empty() && c.ids.session() != session) continue;
    window& w = mutable_ref(c);
    if (w.ready) {
      w.closed = closed_by::flush;
      continue;
    }
    make_ready(w, closed_by::flush, now);
    closed.push_back(&w);
  }
  return closed;
}

window windows::take(const window* w) {
  window& own = mutable_ref(*w);
  if (own.ready) {
    waiting_.erase({own.waiting_since, &own});
  } else {
    leave_open(own);
  }
  own.in = window::queue::none;
  count_user(own, -1);
  auto node = table_.extract(table_.find(std::pair{w->ids.user(), w->ids.session()}));
  return std::move(node.value());
}

windows::added windows::reopen(const window& w, duration delay, time_point now) {
  added result;
  auto due = now + delay;
  const auto [place, inserted] = table_.insert(w);
  window& kept = mutable_ref(*place);
  result.in = &kept;
  if (inserted) {
    kept.ready = false;
    kept.due = now;
    count_user(kept, 1);
  } else {
    const bool newer = is_newer(w.enqueued_ms, w.sequence_number, kept.enqueued_ms, kept.sequence_number);
    result.covered = newer ? kept.sequence_number : w.sequence_number;
    if (newer) {
      kept.ids = w.ids;
      kept.sequence_number = w.sequence_number;
      kept.delivery_count = w.delivery_count;
    }
    kept.completed_at_ms = std::max(kept.completed_at_ms, w.completed_at_ms);
    kept.enqueued_ms = std::max(kept.enqueued_ms, w.enqueued_ms);
    kept.events += w.events;
    if (kept.closed == closed_by::quiet) kept.closed = w.closed;
    if (kept.ready) {
      kept.opened = std::min(kept.opened, w.opened);
      return result;
    }
    leave_open(kept);
    kept.opened = std::min(kept.opened, w.opened);
    due = std::max(due, kept.due);
  }
  result.closed = close_or_open(kept, std::min(due, kept.opened + policy_.max_age), now);
  return result;
}

const window* windows::find(std::string_view user, std::string_view session) const {
  const auto it = table_.find(std::pair{user, session});
  return it == table_.end() ? nullptr : &*it;
}

std::optional<time_point> windows::next_due() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

std::vector<const window*> windows::ready_since(time_point t) const {
  std::vector<const window*> list;
  for (auto it = waiting_.begin(); it != waiting_.end() && it->first <= t; ++it) list.push_back(it->second);
  return list;
}

std::vector<const window*> windows::all() const {
  std::vector<const window*> list;
  list.reserve(table_.size());
  for (const window& w : table_) list.push_back(&w);
  return list;
}

}  // namespace mw::flow
