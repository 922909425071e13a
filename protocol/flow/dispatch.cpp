#include "protocol/flow/dispatch.hpp"

#include <algorithm>

namespace mw::flow {

dispatch::dispatch(dispatch_options options, dispatch_port& port, uint64_t seed)
    : options_(options),
      port_(port),
      random_(seed),
      windows_(options.windows),
      turns_(options.turns),
      breakers_{breaker{options.breaker}, breaker{options.breaker}, breaker{options.breaker},
                breaker{options.breaker}, breaker{options.breaker}},
      allowed_(options.turns.max_jobs) {}

std::string dispatch::session_key(std::string_view user, std::string_view session) {
  std::string key;
  key.reserve(user.size() + session.size() + 1);
  key.append(user).push_back('\0');
  return key.append(session);
}

// --- deliveries
// -------------------------------------------------------------------------------------------------

void dispatch::arrived(const arrival& a, const lock& l, time_point now) {
  if (outstanding_credit_ > 0) --outstanding_credit_;
  const auto known = ledger_.find(a.sequence_number);
  if (known != ledger_.end()) {
    known->second.held = l;
    known->second.delivery_count = a.delivery_count;
    const auto verdict = settling_.find(a.sequence_number);
    if (verdict != settling_.end()) port_.settle(verdict->second);
    return;
  }
  ledger_.emplace(a.sequence_number, ledger_entry{l, a.delivery_count});
  if (const auto told = remembered_.extract(a.sequence_number)) return settle(told.mapped());
  if (draining_) return settle({a.sequence_number, action::release, "shutdown", {}});
  if (join_held_job(a)) return;
  const size_t before = windows_.size();
  const auto added = windows_.add(a, now);
  if (windows_.size() > before) port_.note(note::window_opened, {});
  if (added.covered >= 0) settle({added.covered, action::complete, "covered", {}});
  if (added.closed) became_ready(added.in);
  if (ledger_.size() * 10 > room_cap() * 9)
    for (const window* w : windows_.close_oldest(1, now)) became_ready(w);
  pump(now);
}

void dispatch::arrived_unreadable(int64_t sequence_number, const lock& l, const failure& why) {
  if (outstanding_credit_ > 0) --outstanding_credit_;
  ledger_.insert_or_assign(sequence_number, ledger_entry{l, 0});
  situation s;
  s.at = stage::intake;
  s.error = why;
  const verdict v = decide(s);
  settle({sequence_number, v.what, std::string{v.reason}, why.detail});
}

void dispatch::settlement_failed(int64_t sequence_number) {
  constexpr size_t most = 10'000;
  auto node = settling_.extract(sequence_number);
  ledger_.erase(sequence_number);
  if (!node) return;
  if (remembered_.size() >= most) remembered_.erase(remembered_.begin());
  remembered_.insert_or_assign(sequence_number, std::move(node.mapped()));
}

// A job that waits for a dependency reads the conversation anew when it goes on: a newer event joins it.
bool dispatch::join_held_job(const arrival& a) {
  const auto active = active_.find(session_key(a.ids.user(), a.ids.session()));
  if (active == active_.end()) return false;
  job& j = jobs_.at(active->second);
  if (j.is_running) return false;
  int64_t covered = a.sequence_number;
  if (a.sequence_number > j.spec.sequence_number) {
    covered = j.spec.sequence_number;
    j.spec.sequence_number = a.sequence_number;
    j.spec.ids = a.ids;
    j.spec.delivery_count = a.delivery_count;
    j.spec.completed_at_ms = std::max(j.spec.completed_at_ms, a.completed_at_ms);
    j.missing_since = {};
  }
  settle({covered, action::complete, "covered", {}});
  return true;
}

void dispatch::settle(const settlement& s) {
  settling_[s.sequence_number] = s;
  port_.settle(s);
}

void dispatch::settled(int64_t sequence_number) {
  settling_.erase(sequence_number);
  ledger_.erase(sequence_number);
}

void dispatch::lock_lost(int64_t sequence_number) {
  // While its window or job lives the redelivery joins it; without one there is nothing left to know.
  if (settling_.erase(sequence_number) > 0) ledger_.erase(sequence_number);
}

std::vector<std::pair<int64_t, lock>> dispatch::unsettled() const {
  std::vector<std::pair<int64_t, lock>> list;
  list.reserve(ledger_.size());
  for (const auto& [sequence, entry] : ledger_) list.emplace_back(sequence, entry.held);
  return list;
}

void dispatch::repeat_settlements() {
  for (const auto& [sequence, s] : settling_) port_.settle(s);
}

size_t dispatch::room_cap() const {
  if (windows_.policy().quiet > duration::zero()) return options_.window_room;
  // Without windows a delivery waits only for its turn: locks beyond a few rounds of work would just be
  // renewed.
  return std::min<size_t>(options_.window_room, size_t{options_.turns.max_jobs} * 4 + 16);
}

uint32_t dispatch::take_grant() {
  if (!intake_open_ || draining_) return 0;
  const size_t cap = room_cap();
  const size_t used = ledger_.size() + outstanding_credit_;
  if (used >= cap) return 0;
  const size_t free = cap - used;
  if (free < std::clamp<size_t>(cap / 8, 1, 256)) return 0;
  // Credit is the broker's leave to lock: never more at once than a session's window of deliveries.
  constexpr uint32_t most = 2'000;
  if (outstanding_credit_ > most / 2) return 0;
  const auto grant = static_cast<uint32_t>(std::min<size_t>(free, most - outstanding_credit_));
  outstanding_credit_ += grant;
  return grant;
}

// --- windows
// ----------------------------------------------------------------------------------------------------

void dispatch::became_ready(const window* w) {
  port_.note(note::window_closed, {});
  if (active_.contains(session_key(w->ids.user(), w->ids.session()))) return;  // pushed when that job ends
  if (w->delivery_count + 2 >= options_.max_delivery_count) {
    suspects_.push_back(w);
  } else {
    turns_.push(w);
  }
}

size_t dispatch::flush(std::string_view user, std::string_view session, time_point now) {
  const auto closed = windows_.flush(user, session, now);
  for (const window* w : closed) became_ready(w);
  pump(now);
  return closed.size();
}

time_point dispatch::next_due(time_point now) const {
  time_point due = now + std::chrono::seconds{1};
  if (const auto w = windows_.next_due()) due = std::min(due, *w);
  if (!held_.empty() && !blocked()) due = std::min(due, held_.begin()->first);
  return std::max(due, now);
}

void dispatch::tick(time_point now) {
  for (const window* w : windows_.close_due(now)) became_ready(w);
  check_deadlines(now);
  if (blocked()) {
    release_overdue(now);
    probe_synthetically(now);
  }
  pump(now);
}

// --- starting jobs
// ----------------------------------------------------------------------------------------------

bool dispatch::blocked() const {
  return loader_away_ ||
         std::any_of(breakers_.begin(), breakers_.end(), [](const breaker& b) { return b.is_open(); });
}

void dispatch::loader_demand(uint32_t jobs, time_point now) {
  demand_ += jobs;
  if (loader_away_) {
    loader_away_ = false;
    dependency_well(dependency::redis, now);
    update_intake(now);
  }
  pump(now);
}

void dispatch::pump(time_point now) {
  while (pump_one(now)) {
  }
}

bool dispatch::pump_one(time_point now) {
  if (demand_ == 0 || loader_away_ || running_ >= allowed_) return false;
  if (blocked()) {
    if (held_.empty()) return false;
    for (auto& b : breakers_)
      if (b.is_open() && b.take_probe(now)) return start_held(now, true);
    return false;
  }
  return start_held(now, false) || (!draining_ && start_window(now));
}

bool dispatch::start_held(time_point now, bool any) {
  if (held_.empty() || (!any && held_.begin()->first > now)) return false;
  for (auto it = held_.begin(); it != held_.end() && (any || it->first <= now); ++it) {
    job& j = jobs_.at(it->second);
    if (j.suspect && suspect_running_) continue;
    held_.erase(it);
    turns_.started(j.spec.ids.user());
    j.probing = any;
    submit(j, now);
    return true;
  }
  return false;
}

bool dispatch::start_window(time_point now) {
  const window* w = nullptr;
  bool suspect = false;
  if (!suspects_.empty() && !suspect_running_) {
    w = suspects_.front();
    suspects_.pop_front();
    suspect = true;
    turns_.started(w->ids.user());
  } else {
    w = turns_.next();
  }
  if (w == nullptr) return false;
  job j;
  j.from = windows_.take(w);
  j.suspect = suspect;
  j.spec.id = next_job_++;
  j.spec.ids = j.from.ids;
  j.spec.sequence_number = j.from.sequence_number;
  j.spec.delivery_count = j.from.delivery_count;
  j.spec.completed_at_ms = j.from.completed_at_ms;
  j.spec.may_postpone = !j.from.flushed && j.from.delivery_count == 0 &&
                        windows_.policy().quiet > duration::zero() &&
                        now < j.from.opened + windows_.policy().max_age;
  active_.emplace(session_key(j.spec.ids.user(), j.spec.ids.session()), j.spec.id);
  const auto [it, inserted] = jobs_.emplace(j.spec.id, std::move(j));
  submit(it->second, now);
  return true;
}

void dispatch::submit(job& j, time_point now) {
  --demand_;
  ++running_;
  j.is_running = true;
  if (j.suspect) suspect_running_ = true;
  ++j.spec.attempt;
  j.at = stage::load;
  j.submitted = now;
  port_.note(note::job_started, {&j.spec, nullptr, {}, {}, dependency::none, {}});
  port_.submit(j.spec);
}

std::optional<int64_t> dispatch::sequence_of(uint64_t id) const {
  const auto it = jobs_.find(id);
  if (it == jobs_.end()) return std::nullopt;
  return it->second.spec.sequence_number;
}

void dispatch::entered(uint64_t id, uint32_t attempt, stage at) {
  const auto it = jobs_.find(id);
  if (it != jobs_.end() && it->second.spec.attempt == attempt && it->second.is_running) it->second.at = at;
}

}  // namespace mw::flow
