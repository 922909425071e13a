// What happens when a job ends: coverage, verdicts, holding, breakers, crashes, giving back.
#include <algorithm>

#include "protocol/flow/dispatch.hpp"

namespace mw::flow {

void dispatch::close_job(uint64_t id) {
  const auto it = jobs_.find(id);
  job& j = it->second;
  if (j.is_running) {
    --running_;
    turns_.finished(j.spec.ids.user());
    if (j.suspect) suspect_running_ = false;
  } else {
    unhold(j);
  }
  port_.free_bytes(id);
  port_.forget_job(id);
  const std::string key = session_key(j.spec.ids.user(), j.spec.ids.session());
  active_.erase(key);
  const window* parked = windows_.find(j.spec.ids.user(), j.spec.ids.session());
  jobs_.erase(it);
  if (parked != nullptr && parked->ready) {
    port_.note(note::window_closed, {});
    turns_.push(parked);
  }
}

void dispatch::unhold(const job& j) {
  auto [first, last] = held_.equal_range(j.retry_at);
  for (; first != last; ++first) {
    if (first->second != j.spec.id) continue;
    held_.erase(first);
    return;
  }
}

void dispatch::end_job(uint64_t id, const settlement& s) {
  if (s.what != action::abandon) crashes_.erase(s.sequence_number);
  settle(s);
  close_job(id);
}

void dispatch::finished(const job_result& r, time_point now) {
  const auto it = jobs_.find(r.id);
  if (it == jobs_.end() || it->second.spec.attempt != r.attempt || !it->second.is_running) return;
  job& j = it->second;
  const int64_t sequence = j.spec.sequence_number;
  const auto elapsed = now - j.submitted;
  j.spec.calls_used = r.calls_used;
  if (r.end != job_end::failed) {
    port_.note(note::job_ended, {&j.spec, &r, {}, {}, dependency::none, elapsed});
    missing_in_a_row_ = 0;
    dependency_well(dependency::redis, now);
    dependency_well(dependency::memory, now);
    if (r.end == job_end::committed || r.end == job_end::partial)
      if (r.calls_used > 0) dependency_well(dependency::llm, now);
    made_progress();
  }
  switch (r.end) {
    case job_end::committed:
    case job_end::covered:
    case job_end::forgotten:
      end_job(r.id, {sequence, action::complete, std::string{to_string(r.end)}, {}});
      break;
    case job_end::partial:
      j.spec.prefix = r.prefix;
      j.failures = 0;
      j.first_trouble = {};
      hold(j, duration::zero(), now);
      break;
    case job_end::postponed: {
      const window w = j.from;
      close_job(r.id);
      const auto again = windows_.reopen(w, std::chrono::milliseconds{r.postpone_ms}, now);
      if (again.covered >= 0) settle({again.covered, action::complete, "covered", {}});
      if (again.closed) became_ready(again.in);
      break;
    }
    case job_end::failed:
      failed(j, r, now);
      break;
  }
  pump(now);
}

void dispatch::failures_counted(uint64_t id, uint32_t failures) {
  const auto it = jobs_.find(id);
  if (it != jobs_.end()) it->second.counted = std::max(it->second.counted, failures);
}

void dispatch::failed(job& j, const job_result& r, time_point now) {
  if (j.first_trouble == time_point{}) j.first_trouble = now;
  j.failures = j.last_error == r.error.code ? j.failures + 1 : 1;
  j.last_error = r.error.code;
  const bool missing = r.error.code == errc::conversation_missing || r.error.code == errc::message_missing;
  if (missing && j.missing_since == time_point{}) {
    j.missing_since = now;
    if (r.error.code == errc::conversation_missing && last_missing_ != j.spec.ids.session()) {
      last_missing_ = j.spec.ids.session();
      ++missing_in_a_row_;
    }
  }
  charge_dependency(j, r, now);
  situation s;
  s.at = r.at;
  s.error = r.error;
  s.failures = std::max(j.failures, j.counted);
  s.max_failures = options_.max_failures;
  const dependency d = r.error.from == dependency::none ? dependency_of(r.at) : r.error.from;
  s.healthy_for_others = breaker_of(d).healthy_since(j.first_trouble);
  s.held_for = now - j.first_trouble;
  s.hold_limit = options_.hold_limit;
  s.missing_for = missing ? now - j.missing_since : duration::zero();
  s.missing_limit = options_.missing_limit;
  s.record_covers_event = r.record_covers_event;
  s.redis_emptied = r.stored_empty_guard || missing_in_a_row_ >= 5;
  s.crashes = crashes_.contains(j.spec.sequence_number) ? crashes_.at(j.spec.sequence_number) : 0;
  if (s.redis_emptied && missing)
    port_.note(note::redis_emptied, {&j.spec, &r, {}, {}, dependency::redis, s.held_for});
  carry_out(j, decide(s), r, now);
}

void dispatch::carry_out(job& j, const verdict& v, const job_result& r, time_point now) {
  const auto elapsed = now - j.submitted;
  const bool missing = r.error.code == errc::conversation_missing || r.error.code == errc::message_missing;
  switch (v.what) {
    case action::hold: {
      port_.note(note::job_held, {&j.spec, &r, v.rule, v.reason, r.error.from, elapsed});
      const duration least =
          missing ? duration{std::chrono::milliseconds{500}} : duration{r.error.retry_after};
      hold(j, std::max(least, missing ? least : backoff(j.failures)), now);
      return;
    }
    case action::retry_now:
      port_.note(note::job_held, {&j.spec, &r, v.rule, v.reason, r.error.from, elapsed});
      hold(j, j.failures > 3 ? backoff(j.failures) : duration::zero(), now);
      return;
    default:
      break;
  }
  port_.note(note::job_ended, {&j.spec, &r, v.rule, v.reason, r.error.from, elapsed});
  const action what = v.what == action::dead_letter || v.what == action::abandon ||
                              v.what == action::release || v.what == action::complete
                          ? v.what
                          : action::release;
  end_job(j.spec.id, {j.spec.sequence_number, what, std::string{v.reason}, to_string(r.error)});
}

void dispatch::hold(job& j, duration delay, time_point now) {
  --running_;
  j.is_running = false;
  j.probing = false;
  if (j.suspect) suspect_running_ = false;
  turns_.finished(j.spec.ids.user());
  port_.free_bytes(j.spec.id);
  j.retry_at = now + delay;
  held_.emplace(j.retry_at, j.spec.id);
}

duration dispatch::backoff(uint32_t failures) {
  const auto cap =
      std::min<duration>(options_.retry_max, options_.retry_min * (int64_t{1} << std::min(failures, 20U)));
  return options_.retry_min + duration{std::uniform_int_distribution<int64_t>{0, cap.count()}(random_)};
}

// --- dependencies
// -----------------------------------------------------------------------------------------------

void dispatch::charge_dependency(job& j, const job_result& r, time_point now) {
  const auto c = classify(r.error.code);
  if (c != error_class::transient && c != error_class::fatal && c != error_class::throttled) return;
  if (r.error.code == errc::crashed || r.error.code == errc::conflict || r.error.code == errc::stale ||
      r.error.code == errc::cancelled)
    return;
  const dependency d = r.error.from == dependency::none ? dependency_of(r.at) : r.error.from;
  // Throttled is not down: the stage's own limiter obeys it, but nobody's success is claimed either.
  if (c == error_class::throttled || d == dependency::none) return;
  if (breaker_mut(d).failure_of(j.spec.id, c == error_class::fatal, now)) {
    allowed_ = std::max<size_t>(1, options_.turns.max_jobs / 2);
    port_.note(note::breaker_opened, {&j.spec, &r, {}, to_string(r.error.code), d, {}});
    update_intake(now);
  }
}

void dispatch::dependency_well(dependency d, time_point now) {
  const bool was_open = breaker_of(d).is_open();
  breaker_mut(d).success(now);
  if (!was_open) return;
  port_.note(note::breaker_closed, {nullptr, nullptr, {}, {}, d, {}});
  if (!blocked()) {
    // Everything that waited goes on at once, at the pace of the slow start.
    std::multimap<time_point, uint64_t> soon;
    for (const auto& [at, id] : held_) {
      job& j = jobs_.at(id);
      j.retry_at = std::min(at, now);
      soon.emplace(j.retry_at, id);
    }
    held_.swap(soon);
  }
  update_intake(now);
}

void dispatch::made_progress() {
  if (allowed_ < options_.turns.max_jobs) allowed_ = std::min<size_t>(options_.turns.max_jobs, allowed_ + 1);
}

void dispatch::probed(dependency d, bool well, time_point now) {
  if (well) {
    dependency_well(d, now);
  } else if (!breaker_of(d).is_open()) {
    breaker_mut(d).force_open(now);
    port_.note(note::breaker_opened, {nullptr, nullptr, {}, "probe", d, {}});
    update_intake(now);
  }
  pump(now);
}

void dispatch::probe_synthetically(time_point now) {
  if (!held_.empty() || running_ > 0) return;
  for (const dependency d : {dependency::llm, dependency::memory, dependency::redis})
    if (breaker_mut(d).take_probe(now)) port_.probe(d);
}

void dispatch::update_intake(time_point) {
  const bool open = !draining_ && !blocked();
  if (open == intake_open_) return;
  intake_open_ = open;
  if (!open) outstanding_credit_ = 0;
  port_.intake(open);
}

void dispatch::release_overdue(time_point now) {
  std::vector<uint64_t> overdue;
  for (const auto& [at, id] : held_) {
    const job& j = jobs_.at(id);
    if (j.first_trouble != time_point{} && now - j.first_trouble >= options_.hold_limit)
      overdue.push_back(id);
  }
  for (const uint64_t id : overdue)
    end_job(id, {jobs_.at(id).spec.sequence_number, action::release, "dependency-down", {}});
  for (const window* w : windows_.all()) {
    if (!w->ready || now - w->waiting_since < options_.hold_limit) continue;
    if (active_.contains(session_key(w->ids.user(), w->ids.session()))) continue;
    turns_.drop(w);
    std::erase(suspects_, w);
    settle({windows_.take(w).sequence_number, action::release, "dependency-down", {}});
  }
}

// --- actors that died, jobs that vanished
// -----------------------------------------------------------------------

void dispatch::stage_lost(stage at, uint64_t culprit, bool away, time_point now) {
  if (at == stage::load) {
    demand_ = 0;
    loader_away_ = true;
    if (away) {
      breaker_mut(dependency::redis).force_open(now);
      update_intake(now);
    }
  }
  // A job that the stage before has handed on, and whose entry was not reported yet, was lost with the mailbox.
  const auto before = static_cast<stage>(static_cast<uint8_t>(at) - (at > stage::load ? 1 : 0));
  std::vector<uint64_t> inside;
  for (const auto& [id, j] : jobs_)
    if (j.is_running && (j.at == at || j.at == before || id == culprit)) inside.push_back(id);
  for (const uint64_t id : inside) {
    job& j = jobs_.at(id);
    if (id == culprit) {
      ++crashes_[j.spec.sequence_number];
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

void dispatch::check_deadlines(time_point now) {
  if (now - deadlines_checked_ < std::chrono::seconds{1}) return;
  deadlines_checked_ = now;
  std::vector<uint64_t> vanished;
  for (const auto& [id, j] : jobs_)
    if (j.is_running && now - j.submitted >= options_.job_deadline) vanished.push_back(id);
  for (const uint64_t id : vanished) {
    job& j = jobs_.at(id);
    failed(j,
           {id, j.spec.attempt, job_end::failed, j.at,
            fail(dependency_of(j.at), errc::timed_out, "the job passed its deadline"), j.spec.calls_used},
           now);
  }
}

// --- shutdown
// ---------------------------------------------------------------------------------------------------

void dispatch::drain(time_point now) {
  if (draining_) return;
  draining_ = true;
  update_intake(now);
  for (const window* w : windows_.all()) {
    turns_.drop(w);
    settle({windows_.take(w).sequence_number, action::release, "shutdown", {}});
  }
  suspects_.clear();
  std::vector<uint64_t> held;
  for (const auto& [at, id] : held_) held.push_back(id);
  for (const uint64_t id : held) {
    const job& j = jobs_.at(id);
    if (j.first_trouble != time_point{})
      end_job(id, {j.spec.sequence_number, action::release, "shutdown", {}});
  }
  pump(now);
}

void dispatch::abort(time_point) {
  std::vector<uint64_t> ids;
  for (const auto& [id, j] : jobs_) ids.push_back(id);
  for (const uint64_t id : ids)
    end_job(id, {jobs_.at(id).spec.sequence_number, action::release, "shutdown", {}});
}

}  // namespace mw::flow
