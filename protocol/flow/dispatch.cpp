// Deliveries, windows and room; how jobs start is in dispatch_start.cpp, how they end in
// dispatch_outcome.cpp, what is done about dependencies, lost stages and shutdown in dispatch_trouble.cpp.
#include "protocol/flow/dispatch.hpp"

#include <algorithm>

namespace mw::flow {
namespace {

/// Most entries of what is remembered about deliveries that are not ours at the moment.
constexpr size_t remembered_most = 10'000;

template <class Map>
void keep_bounded(Map& m) {
  if (m.size() > remembered_most) m.erase(m.begin());
}

size_t ready_room(const dispatch_options& o) {
  // A few rounds of work: what waits longer would only be renewed, and cost a count in a crash.
  return std::min<size_t>(o.window_room, size_t{o.turns.max_jobs} * 4 + 16);
}

size_t part_of(double share, size_t room) {
  return std::max<size_t>(1, static_cast<size_t>(share * static_cast<double>(room)));
}

/// What follows from the options given.
dispatch_options completed(dispatch_options o) {
  o.windows.user_windows = part_of(o.turns.user_share, o.window_room);
  o.turns.user_ready = part_of(o.turns.user_share, ready_room(o));
  return o;
}

bool gives_back(action what) {
  return what == action::release || what == action::abandon;
}

}  // namespace

dispatch::dispatch(dispatch_options options, dispatch_port& port, uint64_t seed)
    : options_(completed(options)),
      port_(port),
      random_(seed),
      windows_(options_.windows),
      turns_(options_.turns),
      breakers_{breaker{options.breaker}, breaker{options.breaker}, breaker{options.breaker},
                breaker{options.breaker}, breaker{options.breaker}},
      next_job_(options.first_job),
      allowed_(options.turns.max_jobs) {}

std::string dispatch::session_key(std::string_view user, std::string_view session) {
  // The length first: no pair of ids can be read as another pair.
  std::string key = std::to_string(user.size());
  key.reserve(key.size() + user.size() + session.size() + 1);
  key.append(":").append(user);
  return key.append(session);
}

dispatch::job* dispatch::job_of(std::string_view user, std::string_view session) {
  const auto active = active_.find(session_key(user, session));
  return active == active_.end() ? nullptr : &jobs_.at(active->second);
}

// --- deliveries ---

void dispatch::arrived(const arrival& a, const lock& l, time_point now) {
  credit_.spend(a.delivery_count == 0);
  if (came_again(a, l, now)) return;
  ledger_.insert_or_assign(a.sequence_number, ledger_entry{l, a.delivery_count, a.ids});
  const auto told = remembered_.extract(a.sequence_number);
  if (told && same_event(told.mapped().ids, a.ids)) return settle(told.mapped().verdict);
  if (draining_) return settle({a.sequence_number, action::release, "shutdown", {}});
  came_back_released(a);
  if (join_job(a)) return;
  const size_t before = windows_.size();
  const auto added = windows_.add(a, now);
  if (windows_.size() > before) port_.note(note::window_opened, {});
  if (added.covered >= 0) settle({added.covered, action::complete, "covered", {}});
  place_window(added);
  if (ledger_.size() * 10 > options_.window_room * 9)
    for (const window* w : windows_.close_oldest(1, now)) became_ready(w);
  pump(now);
}

// A redelivery of something in the ledger. False where it is to be treated as new: it had been given back.
bool dispatch::came_again(const arrival& a, const lock& l, time_point now) {
  const auto known = ledger_.find(a.sequence_number);
  if (known == ledger_.end()) return false;
  if (!same_event(known->second.ids, a.ids)) {
    number_used_again(a.sequence_number, known->second.ids);
    return false;
  }
  const auto verdict = settling_.find(a.sequence_number);
  if (verdict != settling_.end() && gives_back(verdict->second.what)) {
    settling_.erase(verdict);
    forget_given_back(a.sequence_number);
    return false;
  }
  known->second = {l, a.delivery_count, known->second.ids};
  if (verdict != settling_.end()) {
    port_.settle(verdict->second);
    return true;
  }
  job* j = job_of(a.ids.user(), a.ids.session());
  if (j != nullptr && j->spec.sequence_number == a.sequence_number) {
    j->spec.delivery_count = j->from.delivery_count = a.delivery_count;
    if (!near_last_delivery(a.delivery_count)) return true;
    j->suspect = true;
    if (j->where == place::turn) {
      turns_.drop(a.ids.user(), j->spec.id);
      wait_for_turn(*j);
    }
    return true;
  }
  const window* w = windows_.find(a.ids.user(), a.ids.session());
  if (w == nullptr || w->sequence_number != a.sequence_number) return true;
  const auto added = windows_.add(a, now);
  place_window(added);
  pump(now);
  return true;
}

// The bus was made anew and counts from the start: what we hold under this number is not there any more. Its
// conversation is analysed all the same, and nothing is settled for it.
void dispatch::number_used_again(int64_t sequence_number, const event_ids& before) {
  settling_.erase(sequence_number);
  crashes_.erase(sequence_number);
  forget_given_back(sequence_number);
  job* j = job_of(before.user(), before.session());
  if (j != nullptr && j->spec.sequence_number == sequence_number)
    j->spec.sequence_number = j->from.sequence_number = no_delivery;
  const window* w = windows_.find(before.user(), before.session());
  if (w != nullptr && w->sequence_number == sequence_number) windows_.detach(w);
}

void dispatch::arrived_unreadable(int64_t sequence_number, const lock& l, const failure& why) {
  credit_.spend(true);
  const auto known = ledger_.find(sequence_number);
  if (known != ledger_.end() && !same_event(known->second.ids, {}))
    number_used_again(sequence_number, known->second.ids);
  ledger_.insert_or_assign(sequence_number, ledger_entry{l, 0, {}});
  situation s;
  s.at = stage::intake;
  s.error = why;
  const verdict v = decide(s);
  settle({sequence_number, v.what, std::string{v.reason}, why.detail});
}

// A delivery that the session's job, or the one it runs for, covers. A job that waits reads the conversation
// anew when it goes on: a newer event joins it, unless one after the load has its own window already.
bool dispatch::join_job(const arrival& a) {
  job* j = job_of(a.ids.user(), a.ids.session());
  if (j == nullptr) return false;
  int64_t covered = a.sequence_number;
  if (is_newer(a.enqueued_ms, a.sequence_number, j->spec.enqueued_ms, j->spec.sequence_number)) {
    if (j->where == place::running || windows_.find(a.ids.user(), a.ids.session()) != nullptr) return false;
    covered = j->spec.sequence_number;
    j->spec.sequence_number = j->from.sequence_number = a.sequence_number;
    j->spec.ids = j->from.ids = a.ids;
    j->spec.delivery_count = j->from.delivery_count = a.delivery_count;
    j->spec.completed_at_ms = std::max(j->spec.completed_at_ms, a.completed_at_ms);
    j->from.completed_at_ms = j->spec.completed_at_ms;
    j->spec.enqueued_ms = std::max(j->spec.enqueued_ms, a.enqueued_ms);
    j->from.enqueued_ms = j->spec.enqueued_ms;
    ++j->from.events;
    j->missing_since = {};
    j->spec.message_given_up = false;
    j->counted = 0;
  }
  settle({covered, action::complete, "covered", {}});
  return true;
}

// `released` must not cost a delivery count. Where it does, we hold longer before we give back.
void dispatch::came_back_released(const arrival& a) {
  const auto before = released_.extract(a.sequence_number);
  if (!before || a.delivery_count <= before.mapped()) return;
  release_costs_ = true;
  port_.note(note::redelivery_count_rose, {});
}

void dispatch::settle(const settlement& s) {
  if (s.sequence_number == no_delivery) return;
  if (draining_ && s.what == action::release && !releasable(s.sequence_number))
    return leave_to_lapse(s.sequence_number);
  if (s.what != action::abandon) crashes_.erase(s.sequence_number);
  settling_[s.sequence_number] = s;
  port_.settle(s);
}

void dispatch::settled(int64_t sequence_number) {
  const auto told = settling_.extract(sequence_number);
  if (!told) return;
  forget_given_back(sequence_number);
  const auto entry = ledger_.extract(sequence_number);
  if (told.mapped().what != action::release || !entry) return;
  released_.insert_or_assign(sequence_number, entry.mapped().delivery_count);
  keep_bounded(released_);
}

void dispatch::lock_lost(int64_t sequence_number) {
  // While its window or job lives the redelivery joins it; without one there is nothing left to know.
  if (settling_.erase(sequence_number) == 0) return;
  ledger_.erase(sequence_number);
  forget_given_back(sequence_number);
}

void dispatch::settlement_failed(int64_t sequence_number) {
  auto told = settling_.extract(sequence_number);
  if (!told) return;
  const auto entry = ledger_.extract(sequence_number);
  forget_given_back(sequence_number);
  if (gives_back(told.mapped().what) || !entry) return;  // it is tried again when it comes back
  remembered_.insert_or_assign(sequence_number, told_later{std::move(told.mapped()), entry.mapped().ids});
  keep_bounded(remembered_);
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

uint32_t dispatch::take_grant() {
  if (!intake_open_ || draining_) return 0;
  const intake_credit::limits most{options_.window_room, ready_room(options_), options_.windows.user_windows};
  const size_t ready = waiting() + jobs_.size() - apart_;
  return credit_.take(most, {ledger_.size(), ready, turns_.beyond_share()});
}

// --- windows ---

bool dispatch::near_last_delivery(uint32_t delivery_count) const {
  return delivery_count > 0 && delivery_count + 2 >= options_.max_delivery_count;
}

void dispatch::became_ready(const window* w) {
  port_.note(note::window_closed, {});
  queue_window(w);
}

// What is near its last delivery by now runs alone, wherever it was queued before.
void dispatch::place_window(const windows::added& added) {
  if (added.closed) return became_ready(added.in);
  if (added.in->in != window::queue::turn || !near_last_delivery(added.in->delivery_count)) return;
  unqueue_window(added.in);
  queue_window(added.in);
}

void dispatch::queue_window(const window* w) {
  if (job_of(w->ids.user(), w->ids.session()) != nullptr) return;  // queued when that job ends
  if (near_last_delivery(w->delivery_count)) {
    suspects_.push_back({w, 0});
    windows_.queued(w, window::queue::suspects);
  } else {
    turns_.push(w);
    windows_.queued(w, window::queue::turn);
  }
}

void dispatch::unqueue_window(const window* w) {
  if (w->in == window::queue::turn) turns_.drop(w);
  if (w->in == window::queue::suspects) std::erase_if(suspects_, [&](const turn& t) { return t.fresh == w; });
  windows_.queued(w, window::queue::none);
}

size_t dispatch::flush(std::string_view user, std::string_view session, time_point now) {
  const auto closed = windows_.flush(user, session, now);
  for (const window* w : closed) became_ready(w);
  // What is being loaded just now is not to be postponed either.
  for (auto& [id, j] : jobs_)
    if ((user.empty() || j.spec.ids.user() == user) && (session.empty() || j.spec.ids.session() == session))
      j.from.closed = closed_by::flush;
  pump(now);
  return closed.size();
}

std::optional<int64_t> dispatch::sequence_of(uint64_t id) const {
  const auto it = jobs_.find(id);
  if (it == jobs_.end() || it->second.spec.sequence_number == no_delivery) return std::nullopt;
  return it->second.spec.sequence_number;
}

void dispatch::set_options(const dispatch_options& o, time_point now) {
  const bool slowed = allowed_ < options_.turns.max_jobs;
  options_ = completed(o);
  allowed_ = slowed ? std::min<size_t>(allowed_, o.turns.max_jobs) : o.turns.max_jobs;
  windows_.set_policy(options_.windows, now);
  turns_.set_policy(options_.turns);
  for (breaker& b : breakers_) b.set_policy(o.breaker);
  tick(now);
}

// --- time ---

time_point dispatch::next_due(time_point now) const {
  time_point due = now + std::chrono::seconds{1};
  if (const auto w = windows_.next_due()) due = std::min(due, *w);
  if (!held_.empty() && !blocked()) due = std::min(due, held_.begin()->first);
  return std::max(due, now);
}

void dispatch::tick(time_point now) {
  for (const window* w : windows_.close_due(now)) became_ready(w);
  check_deadlines(now);
  if (blocked()) release_overdue(now);
  pump(now);
  if (blocked()) probe_synthetically(now);
}

}  // namespace mw::flow
