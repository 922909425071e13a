// Dependencies and their breakers, actors that died, jobs that vanished, shutdown.
#include <algorithm>

#include "protocol/flow/dispatch.hpp"

namespace mw::flow {
namespace {

/// The dependency itself is away. Throttled is not down: the stage's own limiter obeys it.
bool is_down(errc code) {
  return classify(code) == error_class::transient && code != errc::crashed && code != errc::conflict &&
         code != errc::stale && code != errc::cancelled && code != errc::open_files;
}

}  // namespace

// --- who passes, who fails ---

// A job that ended, or failed in a later stage, has passed the stages before.
void dispatch::note_passes(const job& j, const job_result& r, bool llm_called, time_point now) {
  const bool well = r.end != job_end::failed;
  const bool stored = r.end == job_end::committed || r.end == job_end::partial;
  if (well || r.at > stage::load) {
    passed(stage::load, j, now);
    missing_sessions_.clear();
  }
  if (llm_called && (stored || (!well && r.at == stage::commit))) passed(stage::analyse, j, now);
  if (stored) passed(stage::commit, j, now);
}

void dispatch::passed(stage at, const job& j, time_point now) {
  // Counted from its submission: when it left the stage is not known, and may be long ago.
  auto& latest = passed_[static_cast<size_t>(at)];
  latest = std::max(latest, j.submitted);
  auto& refused = refused_users_[static_cast<size_t>(at)];
  if (refused.size() >= refusals_of_all)
    port_.note(note::refusals_over, {&j.spec, nullptr, {}, {}, dependency_of(at), {}});
  refused.clear();
  const auto well = [&](dependency d) {
    // What was on its way before the breaker opened says nothing about now.
    if (!breaker_of(d).is_open() || j.submitted > breaker_of(d).opened_at()) dependency_well(d, now);
  };
  well(dependency_of(at));
  // The loader reads the memory store as well; but reads say nothing about refused writes.
  if (at == stage::load && memory_trouble_at_ == stage::load) well(dependency::memory);
}

// Never by the job itself: it was submitted for its own passes before it failed last.
bool dispatch::others_passed(stage at, const job& j) const {
  return passed_[static_cast<size_t>(at)] > (j.last_trouble == time_point{} ? j.submitted : j.last_trouble);
}

void dispatch::charge_dependency(job& j, const job_result& r, time_point now) {
  const bool fatal = classify(r.error.code) == error_class::fatal;
  const bool refused = may_be_refused_to_all(j, r);
  if (!fatal && !refused && !is_down(r.error.code)) return;
  const dependency d = r.error.from == dependency::none ? dependency_of(r.at) : r.error.from;
  if (d == dependency::none) return;
  if (d == dependency::memory) memory_trouble_at_ = r.at;
  // What was sent during the outage and fails after it says nothing about now.
  const breaker& b = breaker_of(d);
  if (b.closed_at() != time_point{} && j.submitted < b.closed_at()) return;
  if (breaker_mut(d).failure_of(j.spec.id, fatal, now)) {
    rejecting_[static_cast<size_t>(d)] = refused;
    breaker_opened(d, &j, &r, to_string(r.error.code));
  }
}

// What is usually about one job alone, but opens the breaker where job after job gets it and nobody passes: a
// request that is refused, a conflict that does not end. Not where the verdict is a dead letter at once.
bool dispatch::may_be_refused_to_all(const job& j, const job_result& r) {
  constexpr uint32_t real_contention = 5;
  const errc code = r.error.code;
  if (code == errc::conflict || code == errc::stale) return j.failures > real_contention;
  return r.at != stage::commit && (code == errc::rejected || code == errc::unsupported_parameter);
}

void dispatch::breaker_opened(dependency d, const job* j, const job_result* r, std::string_view what) {
  allowed_ = std::max<size_t>(1, options_.turns.max_jobs / 2);
  port_.note(note::breaker_opened, {j == nullptr ? nullptr : &j->spec, r, {}, what, d, {}});
  update_intake();
}

void dispatch::dependency_well(dependency d, time_point now) {
  const bool was_open = breaker_of(d).is_open();
  breaker_mut(d).success(now);
  if (!was_open) return;
  port_.note(note::breaker_closed, {nullptr, nullptr, {}, {}, d, {}});
  update_intake();
  if (blocked()) return;
  // Everything that waited goes on at once, at the pace of the slow start; but for what must wait.
  for (auto it = held_.begin(); it != held_.end();) {
    job& j = jobs_.at(it->second);
    if (must_wait(j)) {
      ++it;
      continue;
    }
    ++it;
    unhold(j);
    wait_for_turn(j);
  }
}

void dispatch::probed(dependency d, bool well, time_point now) {
  if (well) {
    dependency_well(d, now);
  } else if (!breaker_of(d).is_open()) {
    breaker_mut(d).force_open(now);
    breaker_opened(d, nullptr, nullptr, "probe");
  }
  pump(now);
}

// No job is there to probe with, or none can start.
void dispatch::probe_synthetically(time_point now) {
  for (const dependency d : {dependency::llm, dependency::memory, dependency::redis}) {
    // What runs is the probe; but calls of the LLM may hang for long, and where it refused some jobs others
    // tell more.
    if (running_ > 0 && (d != dependency::llm || rejecting_[static_cast<size_t>(d)])) continue;
    if (breaker_mut(d).take_probe(now)) port_.probe(d);
  }
}

void dispatch::update_intake() {
  const bool open = !draining_ && !blocked();
  if (open == intake_open_) return;
  intake_open_ = open;
  if (!open) credit_.close();
  port_.intake(open);
}

void dispatch::release_overdue(time_point now) {
  if (now - overdue_checked_ < std::chrono::seconds{1}) return;
  overdue_checked_ = now;
  std::vector<uint64_t> overdue;
  for (auto& [id, j] : jobs_) {
    if (j.where == place::running) continue;
    if (j.first_trouble == time_point{}) j.first_trouble = now;
    if (now - j.first_trouble >= hold_limit(j.spec.sequence_number, j.spec.delivery_count))
      overdue.push_back(id);
  }
  for (const uint64_t id : overdue)
    end_job(id, {jobs_.at(id).spec.sequence_number, action::release, "dependency-down", {}});
  for (const window* w : windows_.ready_since(now - options_.hold_limit)) {
    if (now - w->waiting_since < hold_limit(w->sequence_number, w->delivery_count)) continue;
    if (job_of(w->ids.user(), w->ids.session()) != nullptr) continue;
    give_back_window(w, "dependency-down");
  }
}

// --- actors that died, jobs that vanished ---

void dispatch::stage_lost(stage at, uint64_t culprit, bool away, time_point now) {
  if (at == stage::load) {
    demand_ = 0;
    loader_away_ = true;
  }
  const dependency d = dependency_of(at);
  if (away && d != dependency::none && !breaker_of(d).is_open()) {
    breaker_mut(d).force_open(now);
    breaker_opened(d, nullptr, nullptr, "connection-lost");
  }
  // A job that the stage before has handed on, and whose entry was not reported yet, was lost with the
  // mailbox.
  const auto before = static_cast<stage>(static_cast<uint8_t>(at) - (at > stage::load ? 1 : 0));
  std::vector<uint64_t> inside;
  uint64_t former_suspect = 0;
  size_t former_suspects = 0;
  for (const auto& [id, j] : jobs_) {
    if (j.where != place::running || (j.at != at && j.at != before && id != culprit)) continue;
    inside.push_back(id);
    if (j.suspect && j.at == at) {
      former_suspect = id;
      ++former_suspects;
    }
  }
  // The one job that was suspected before was in it again: it is the one.
  if (culprit == 0 && !away && former_suspects == 1) culprit = former_suspect;
  for (const uint64_t id : inside) {
    job& j = jobs_.at(id);
    if (id == culprit) {
      count_crash(j);
      failed(j,
             {id, j.spec.attempt, job_end::failed, at, fail(errc::crashed, "an actor crashed in this job"),
              j.spec.calls_used},
             now);
      continue;
    }
    if (culprit == 0 && !away && j.at == at) j.suspect = true;
    hold(j, duration::zero(), now);
  }
  pump(now);
}

void dispatch::count_crash(const job& j) {
  auto& of_delivery = crashes_[j.spec.sequence_number];
  if (!same_event(of_delivery.ids, j.spec.ids)) of_delivery = {j.spec.ids, 0};
  ++of_delivery.crashes;
  if (crashes_.size() > 10'000) crashes_.erase(crashes_.begin());
}

void dispatch::check_deadlines(time_point now) {
  if (now - deadlines_checked_ < std::chrono::seconds{1}) return;
  deadlines_checked_ = now;
  std::vector<uint64_t> vanished;
  for (const auto& [id, j] : jobs_)
    if (j.where == place::running && now - j.seen >= options_.job_deadline) vanished.push_back(id);
  for (const uint64_t id : vanished) {
    job& j = jobs_.at(id);
    failed(j,
           {id, j.spec.attempt, job_end::failed, j.at,
            fail(dependency_of(j.at), errc::timed_out, "the job passed its deadline"), j.spec.calls_used},
           now);
  }
}

// --- shutdown ---

void dispatch::drain(time_point now) {
  if (draining_) return;
  draining_ = true;
  update_intake();
  for (const window* w : windows_.all()) {
    unqueue_window(w);
    settle({windows_.take(w).sequence_number, action::release, "shutdown", {}});
  }
  std::vector<uint64_t> troubled;
  for (const auto& [id, j] : jobs_)
    if (j.where != place::running && j.first_trouble != time_point{}) troubled.push_back(id);
  for (const uint64_t id : troubled)
    end_job(id, {jobs_.at(id).spec.sequence_number, action::release, "shutdown", {}});
  pump(now);
}

void dispatch::abort(time_point now) {
  drain(now);
  std::vector<uint64_t> ids;
  for (const auto& [id, j] : jobs_) ids.push_back(id);
  for (const uint64_t id : ids)
    end_job(id, {jobs_.at(id).spec.sequence_number, action::release, "shutdown", {}});
}

}  // namespace mw::flow
