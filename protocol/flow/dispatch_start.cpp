// Which job starts: suspects alone, held jobs and windows in their users' turns; probes while a breaker is
// open.
#include <algorithm>

#include "protocol/base/deliberate_fault.hpp"
#include "protocol/flow/dispatch.hpp"

namespace mw::flow {

bool dispatch::blocked() const {
  return loader_away_ ||
         std::any_of(breakers_.begin(), breakers_.end(), [](const breaker& b) { return b.is_open(); });
}

void dispatch::loader_demand(uint32_t jobs, time_point now) {
  demand_ += jobs;
  if (loader_away_) {
    loader_away_ = false;
    dependency_well(dependency::redis, now);
    update_intake();
  }
  pump(now);
}

void dispatch::pump(time_point now) {
  if (gone_) return give_back_stuck();
  wake_due(now);
  while (pump_one(now)) {
  }
}

void dispatch::wake_due(time_point now) {
  if (blocked()) return;
  while (!held_.empty() && held_.begin()->first <= now) {
    job& j = jobs_.at(held_.begin()->second);
    unhold(j);
    wait_for_turn(j);
  }
}

void dispatch::wait_for_turn(job& j) {
  j.where = j.suspect ? place::suspects : place::turn;
  if (j.suspect) {
    suspects_.push_back({nullptr, j.spec.id});
  } else {
    turns_.resume(j.spec.ids.user(), j.spec.id);
  }
}

bool dispatch::pump_one(time_point now) {
  if (demand_ == 0 || loader_away_ || running_ >= allowed_) return false;
  if (blocked()) return start_probe(now);
  return start_suspect(now) || start_turn(now);
}

bool dispatch::start_probe(time_point now) {
  const auto open = std::find_if(breakers_.begin(), breakers_.end(),
                                 [&](const breaker& b) { return b.is_open() && b.next_probe() <= now; });
  if (open == breakers_.end()) return false;
  const auto about = static_cast<dependency>(open - breakers_.begin());
  // Where only the jobs that were tried may be at fault, another one tells; a cheap call, if there is none.
  const bool another = rejecting_[static_cast<size_t>(about)];
  if (another && !start_suspect(now) && !start_turn(now)) {
    open->take_probe(now);
    port_.probe(about);
    return false;
  }
  if (!another && !start_held_early(about, now) && !start_suspect(now) && !start_turn(now)) return false;
  open->take_probe(now);
  return true;
}

// The first held job that this dependency has failed, else the first one; but not before its time where it
// must wait.
bool dispatch::start_held_early(dependency about, time_point now) {
  const auto start = [&](auto&& fits) {
    for (auto it = held_.begin(); it != held_.end(); ++it) {
      job& j = jobs_.at(it->second);
      if (!fits(j) || must_wait(j) || (j.suspect && suspect_running_ != 0)) continue;
      if (!turns_.try_start(j.spec.ids.user())) continue;
      unhold(j);
      submit(j, now);
      return true;
    }
    return false;
  };
  return start([&](const job& j) { return j.failures > 0 && dependency_of(j.last_stage) == about; }) ||
         start([](const job&) { return true; });
}

bool dispatch::start_suspect(time_point now) {
  if (suspect_running_ != 0) return false;
  constexpr size_t looked_at = 16;
  for (size_t left = std::min(suspects_.size(), looked_at); left > 0; --left) {
    const turn next = suspects_.front();
    suspects_.pop_front();
    const event_ids ids = next.fresh != nullptr ? next.fresh->ids : jobs_.at(next.resumed).spec.ids;
    if (!turns_.try_start(ids.user())) {
      suspects_.push_back(next);
      continue;
    }
    job& j = next.fresh != nullptr ? open_job(next.fresh) : jobs_.at(next.resumed);
    j.suspect = true;
    submit(j, now);
    return true;
  }
  return false;
}

bool dispatch::start_turn(time_point now) {
  const turn next = turns_.next();
  if (!next) return false;
  submit(next.fresh != nullptr ? open_job(next.fresh) : jobs_.at(next.resumed), now);
  return true;
}

dispatch::job& dispatch::open_job(const window* w) {
  job j;
  j.from = windows_.take(w);
  j.spec.id = next_job_++;
  j.spec.ids = j.from.ids;
  j.spec.sequence_number = j.from.sequence_number;
  j.spec.delivery_count = j.from.delivery_count;
  j.spec.completed_at_ms = j.from.completed_at_ms;
  j.spec.enqueued_ms = j.from.enqueued_ms;
  active_.emplace(session_key(j.spec.ids.user(), j.spec.ids.session()), j.spec.id);
  const uint64_t id = j.spec.id;
  return jobs_.emplace(id, std::move(j)).first->second;
}

void dispatch::submit(job& j, time_point now) {
  --demand_;
  ++running_;
  j.where = place::running;
  if (j.suspect) suspect_running_ = j.spec.id;
  ++j.spec.attempt;
  // What has been paid for must not wait for a quiet moment: the answer is kept only while the job lives.
  j.spec.may_postpone = windows_.may_wait(j.from, now) && j.spec.calls_used == 0 &&
                        j.spec.max_fresh_messages == 0 && !j.spec.message_given_up;
  j.spec.mark_refused = j.failures > 0 && store_refuses(j.last_stage, j.last_error) &&
                        refused_users_[static_cast<size_t>(stage::commit)].size() < refusals_of_all;
  j.at = stage::load;
  j.submitted = j.seen = now;
  port_.note(note::job_started, {&j.spec, nullptr, {}, {}, dependency::none, {}});
  if (deliberate_fault("complete-before-write"))
    port_.settle({j.spec.sequence_number, action::complete, "committed", {}});
  port_.submit(j.spec);
}

void dispatch::entered(uint64_t id, uint32_t attempt, stage at, time_point now) {
  const auto it = jobs_.find(id);
  if (it == jobs_.end() || it->second.spec.attempt != attempt || it->second.where != place::running) return;
  it->second.at = std::max(it->second.at, at);
  it->second.seen = now;
}

}  // namespace mw::flow
