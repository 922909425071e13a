// Giving back: what was released is kept until the broker has answered, and goes on where it was if that
// cannot be done.
#include "protocol/flow/dispatch.hpp"

namespace mw::flow {

bool dispatch::releasable(int64_t sequence_number) const {
  const auto entry = ledger_.find(sequence_number);
  return entry == ledger_.end() || entry->second.releasable;
}

void dispatch::give_back_job(uint64_t id, const settlement& s) {
  if (s.sequence_number == no_delivery) return close_job(id);
  settle(s);
  given_back_.insert_or_assign(s.sequence_number, take_job(id));
}

void dispatch::give_back_window(const window* w, std::string_view reason) {
  unqueue_window(w);
  job j;
  j.from = windows_.take(w);
  const int64_t sequence = j.from.sequence_number;
  if (sequence == no_delivery) return;
  settle({sequence, action::release, std::string{reason}, {}});
  given_back_.insert_or_assign(sequence, std::move(j));
}

void dispatch::forget_given_back(int64_t sequence_number) {
  const auto kept = given_back_.extract(sequence_number);
  if (kept && kept.mapped().spec.id != 0) port_.forget_job(kept.mapped().spec.id);
}

void dispatch::not_released(int64_t sequence_number, time_point now) {
  const auto told = settling_.find(sequence_number);
  if (told == settling_.end() || told->second.what != action::release) return;
  settling_.erase(told);
  const auto entry = ledger_.find(sequence_number);
  if (entry != ledger_.end()) entry->second.releasable = false;
  auto kept = given_back_.extract(sequence_number);
  if (kept && kept.mapped().spec.id != 0 && draining_) port_.forget_job(kept.mapped().spec.id);
  if (draining_ || !kept) return leave_to_lapse(sequence_number);
  go_on(std::move(kept.mapped()), now);
  pump(now);
}

// As the job it was, unless something newer of its conversation has come meanwhile, which takes it in.
void dispatch::go_on(job j, time_point now) {
  const event_ids& ids = j.from.ids;
  const uint64_t id = j.spec.id;
  const job* other = job_of(ids.user(), ids.session());
  if (id != 0 && other == nullptr && windows_.find(ids.user(), ids.session()) == nullptr) {
    active_.emplace(session_key(ids.user(), ids.session()), id);
    hold_until(j, now);
    jobs_.emplace(id, std::move(j));
    return;
  }
  if (id != 0) port_.forget_job(id);
  if (other != nullptr && is_newer(other->spec.enqueued_ms, other->spec.sequence_number, j.from.enqueued_ms,
                                   j.from.sequence_number))
    return settle({j.from.sequence_number, action::complete, "covered", {}});
  reopen(j.from, 0, now);
}

// Nothing of it is ours any more: it comes again when its lock ends, with a count.
void dispatch::leave_to_lapse(int64_t sequence_number) {
  ledger_.erase(sequence_number);
  ++left_to_lapse_;
}

// Only the link that received a delivery can give it back.
void dispatch::receiver_lost() {
  credit_.lost();
  for (auto& [sequence, entry] : ledger_) entry.releasable = false;
  if (!draining_) return;
  std::vector<int64_t> lapsing;
  for (const auto& [sequence, s] : settling_)
    if (s.what == action::release) lapsing.push_back(sequence);
  for (const int64_t sequence : lapsing) {
    settling_.erase(sequence);
    forget_given_back(sequence);
    leave_to_lapse(sequence);
  }
}

void dispatch::drain_without(stage gone, time_point now) {
  drain(now);
  gone_ = gone_ ? std::max(*gone_, gone) : gone;
  give_back_stuck();
}

// Whatever starts, starts at the first stage: only what is past the one that is gone can still be finished.
void dispatch::give_back_stuck() {
  std::vector<uint64_t> stuck;
  for (const auto& [id, j] : jobs_)
    if (j.where != place::running || j.at <= *gone_) stuck.push_back(id);
  for (const uint64_t id : stuck)
    end_job(id, {jobs_.at(id).spec.sequence_number, action::release, "shutdown", {}});
}

}  // namespace mw::flow
