#include "protocol/flow/windows.hpp"

#include <algorithm>

namespace mw::flow {
namespace {

// The key (user, session) of a stored window never changes; the other fields may.
window& mutable_ref(const window& w) {
  return const_cast<window&>(w);
}

}  // namespace

void windows::schedule(window& w, time_point due) {
  due_.erase({w.due, &w});
  w.due = due;
  due_.emplace(due, &w);
}

void windows::make_ready(window& w, time_point now) {
  due_.erase({w.due, &w});
  w.ready = true;
  w.waiting_since = now;
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
    result.in = &*table_.insert(std::move(fresh)).first;
  } else {
    window& w = mutable_ref(*found);
    result.in = &w;
    if (a.sequence_number > w.sequence_number) {
      result.covered = w.sequence_number;
      w.ids = a.ids;
      w.sequence_number = a.sequence_number;
      w.delivery_count = a.delivery_count;
      w.completed_at_ms = std::max(w.completed_at_ms, a.completed_at_ms);
    } else if (a.sequence_number < w.sequence_number) {
      result.covered = a.sequence_number;
    } else {
      w.delivery_count = a.delivery_count;
    }
  }
  window& w = mutable_ref(*result.in);
  ++w.events;
  if (w.ready) return result;
  const duration left = std::max(duration::zero(), policy_.quiet - a.since_completed);
  const auto due = std::min(now + left, w.opened + policy_.max_age);
  if (policy_.quiet == duration::zero() || w.delivery_count > 0 || w.events >= policy_.max_events ||
      due <= now) {
    make_ready(w, now);
    result.closed = true;
  } else if (result.covered != a.sequence_number) {
    schedule(w, due);
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
  std::vector<window*> open;
  open.reserve(due_.size());
  for (const auto& [due, w] : due_) open.push_back(w);
  n = std::min(n, open.size());
  std::partial_sort(open.begin(), open.begin() + static_cast<ptrdiff_t>(n), open.end(),
                    [](const window* a, const window* b) { return a->opened < b->opened; });
  std::vector<const window*> closed;
  for (size_t i = 0; i < n; ++i) {
    make_ready(*open[i], now);
    open[i]->flushed = true;
    closed.push_back(open[i]);
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
  due_.erase({w->due, const_cast<window*>(w)});
  auto node = table_.extract(table_.find(std::pair{w->ids.user(), w->ids.session()}));
  return std::move(node.value());
}

windows::added windows::reopen(const window& w, duration delay, time_point now) {
  added result;
  const auto found = table_.find(std::pair{w.ids.user(), w.ids.session()});
  if (found != table_.end()) {
    // A newer event opened a window of its own meanwhile: it covers this delivery, or the other way round.
    arrival a{w.sequence_number, w.delivery_count, w.ids, w.completed_at_ms, policy_.quiet};
    window& other = mutable_ref(*found);
    other.opened = std::min(other.opened, w.opened);
    const auto due_before = other.due;
    result = add(a, now);
    if (!other.ready) schedule(other, std::min(due_before, w.opened + policy_.max_age));
    return result;
  }
  window again = w;
  again.ready = false;
  again.due = std::min(now + delay, w.opened + policy_.max_age);
  window& stored = mutable_ref(*table_.insert(std::move(again)).first);
  result.in = &stored;
  due_.emplace(stored.due, &stored);
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

std::vector<const window*> windows::all() const {
  std::vector<const window*> list;
  list.reserve(table_.size());
  for (const window& w : table_) list.push_back(&w);
  return list;
}

}  // namespace mw::flow
