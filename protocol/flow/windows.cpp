#include "protocol/flow/windows.hpp"

#include <algorithm>

namespace mw::flow {
namespace {

// The key (user, session) of a stored window never changes; the other fields may.
window& mutable_ref(const window& w) {
  return const_cast<window&>(w);
}

}  // namespace

bool windows::closes_at_once(const window& w) const {
  return w.flushed || w.delivery_count > 0 || policy_.quiet == duration::zero() ||
         w.events >= policy_.max_events ||
         (policy_.max_tokens > 0 && uint64_t{w.events} * policy_.tokens_per_event >= policy_.max_tokens);
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

void windows::make_ready(window& w, time_point now) {
  leave_open(w);
  w.ready = true;
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
    fresh.delivery_count = a.delivery_count;
    fresh.opened = now;
    fresh.due = now;
    fresh.events = 1;
    result.in = &*table_.insert(std::move(fresh)).first;
  } else {
    window& w = mutable_ref(*found);
    result.in = &w;
    if (a.sequence_number == w.sequence_number) {
      w.delivery_count = a.delivery_count;
    } else {
      ++w.events;
      w.completed_at_ms = std::max(w.completed_at_ms, a.completed_at_ms);
      result.covered = std::min(a.sequence_number, w.sequence_number);
      if (a.sequence_number > w.sequence_number) {
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
  if (closes_at_once(w) || due <= now) {
    make_ready(w, now);
    result.closed = true;
  } else {
    open_until(w, due);
  }
  return result;
}

std::vector<const window*> windows::close_due(time_point now) {
  std::vector<const window*> closed;
  while (!due_.empty() && due_.begin()->first <= now) {
    window* w = due_.begin()->second;
    make_ready(*w, now);
    closed.push_back(w);
  }
  return closed;
}

std::vector<const window*> windows::close_oldest(size_t n, time_point now) {
  std::vector<const window*> closed;
  for (; n > 0 && !opened_.empty(); --n) {
    window* w = opened_.begin()->second;
    make_ready(*w, now);
    w->flushed = true;
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
    w.flushed = true;
    if (w.ready) continue;
    make_ready(w, now);
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
  } else {
    result.covered = std::min(w.sequence_number, kept.sequence_number);
    if (w.sequence_number > kept.sequence_number) {
      kept.ids = w.ids;
      kept.sequence_number = w.sequence_number;
      kept.delivery_count = w.delivery_count;
    }
    kept.completed_at_ms = std::max(kept.completed_at_ms, w.completed_at_ms);
    kept.events += w.events;
    kept.flushed = kept.flushed || w.flushed;
    if (kept.ready) {
      kept.opened = std::min(kept.opened, w.opened);
      return result;
    }
    leave_open(kept);
    kept.opened = std::min(kept.opened, w.opened);
    due = std::max(due, kept.due);
  }
  due = std::min(due, kept.opened + policy_.max_age);
  if (closes_at_once(kept) || due <= now) {
    make_ready(kept, now);
    result.closed = true;
  } else {
    open_until(kept, due);
  }
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
