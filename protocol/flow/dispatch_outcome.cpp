// What happens when a job ends: coverage, verdicts, holding, giving back.
#include <algorithm>

#include "protocol/flow/dispatch.hpp"

namespace mw::flow {
namespace {

bool is_missing(errc code) {
  return code == errc::conversation_missing || code == errc::message_missing;
}

/// Trouble of this job alone: however many of them wait, others may be worked on.
bool is_its_own(const situation& s) {
  const auto kind = classify(s.error.code);
  return (kind == error_class::rejected || kind == error_class::poison) && !s.redis_emptied &&
         s.refused_users < refusals_of_all;
}

bool settles(action what) {
  return what == action::complete || what == action::dead_letter || what == action::abandon ||
         what == action::release;
}

}  // namespace

void dispatch::stop_running(job& j) {
  --running_;
  turns_.finished(j.spec.ids.user());
  if (suspect_running_ == j.spec.id) suspect_running_ = 0;
}

void dispatch::hold(job& j, duration delay, time_point now, bool apart) {
  stop_running(j);
  port_.free_bytes(j.spec.id);
  hold_until(j, now + delay);
  j.apart = apart;
  if (apart) ++apart_;
}

void dispatch::hold_until(job& j, time_point t) {
  j.where = place::held;
  j.retry_at = t;
  held_.emplace(t, j.spec.id);
}

void dispatch::unhold(job& j) {
  held_.erase({j.retry_at, j.spec.id});
  if (std::exchange(j.apart, false)) --apart_;
}

void dispatch::close_job(uint64_t id) {
  take_job(id);
  port_.forget_job(id);
}

dispatch::job dispatch::take_job(uint64_t id) {
  job j = std::move(jobs_.extract(id).mapped());
  switch (j.where) {
    case place::running:
      stop_running(j);
      break;
    case place::held:
      unhold(j);
      break;
    case place::turn:
      turns_.drop(j.spec.ids.user(), id);
      break;
    case place::suspects:
      std::erase_if(suspects_, [&](const turn& t) { return t.resumed == id; });
      break;
  }
  credit_.job_ended();
  port_.free_bytes(id);
  const event_ids& ids = j.spec.ids;
  active_.erase(session_key(ids.user(), ids.session()));
  const window* parked = windows_.find(ids.user(), ids.session());
  if (parked != nullptr && parked->ready) queue_window(parked);
  return j;
}

void dispatch::end_job(uint64_t id, const settlement& s) {
  if (s.what == action::release && !draining_) return give_back_job(id, s);
  settle(s);
  close_job(id);
}

void dispatch::finished(const job_result& r, time_point now) {
  const auto it = jobs_.find(r.id);
  if (it == jobs_.end() || it->second.spec.attempt != r.attempt || it->second.where != place::running) return;
  job& j = it->second;
  const int64_t sequence = j.spec.sequence_number;
  const bool llm_called = r.calls_used > j.spec.calls_used;
  j.spec.calls_used = std::max(j.spec.calls_used, r.calls_used);
  note_passes(j, r, llm_called, now);
  if (r.end != job_end::failed) {
    port_.note(note::job_ended, {&j.spec, &r, {}, {}, dependency::none, now - j.submitted});
    if (allowed_ < options_.turns.max_jobs) ++allowed_;
  }
  switch (r.end) {
    case job_end::committed:
    case job_end::covered:
    case job_end::forgotten:
      end_job(r.id, {sequence, action::complete, std::string{to_string(r.end)}, {}});
      break;
    case job_end::partial:
      j.spec.max_fresh_messages = r.max_fresh_messages;
      j.failures = j.rejections = 0;
      j.first_trouble = j.last_trouble = j.missing_since = {};
      hold(j, duration::zero(), now);
      break;
    case job_end::postponed: {
      if (!j.spec.may_postpone && !draining_) {
        // Its window cannot open again: the job waits as it is.
        hold(j, std::chrono::milliseconds{r.postpone_ms}, now, true);
        break;
      }
      const window w = j.from;
      close_job(r.id);
      reopen(w, r.postpone_ms, now);
      break;
    }
    case job_end::failed:
      if (r.max_fresh_messages > 0) j.spec.max_fresh_messages = r.max_fresh_messages;
      failed(j, r, now);
      break;
  }
  pump(now);
}

void dispatch::reopen(const window& w, int64_t postpone_ms, time_point now) {
  if (draining_) return settle({w.sequence_number, action::release, "shutdown", {}});
  const auto again = windows_.reopen(w, std::chrono::milliseconds{postpone_ms}, now);
  if (again.covered >= 0) settle({again.covered, action::complete, "covered", {}});
  if (again.closed) became_ready(again.in);
}

void dispatch::failures_counted(uint64_t id, uint32_t failures) {
  const auto it = jobs_.find(id);
  if (it != jobs_.end()) it->second.counted = std::max(it->second.counted, failures);
}

void dispatch::count_missing(job& j, errc code, time_point now) {
  if (!is_missing(code)) {
    j.missing_since = {};
    return;
  }
  if (j.missing_since == time_point{}) j.missing_since = now;
  constexpr size_t several = 5;
  if (code == errc::conversation_missing && missing_sessions_.size() < several)
    missing_sessions_.emplace(j.spec.ids.session());
}

// The same refusal for one user after the other, and nobody passes: it is not about them.
void dispatch::count_refusal(const job& j, situation& s, const job_result& r) {
  if (!is_refusal(s)) return;
  auto& users = refused_users_[static_cast<size_t>(r.at)];
  if (users.size() < refusals_of_all && users.emplace(j.spec.ids.user()).second &&
      users.size() == refusals_of_all)
    port_.note(note::refused_for_everybody, {&j.spec, &r, {}, {}, dependency_of(r.at), {}});
  s.refused_users = static_cast<uint32_t>(users.size());
}

// A failure counts towards dead-lettering only where others passed the stage since this job failed last: what
// an outage does to a job, however often, is never held against it.
void dispatch::count_failure(job& j, const job_result& r, time_point now) {
  const bool same =
      j.failures > 0 && j.last_stage == r.at && classify(j.last_error) == classify(r.error.code);
  j.failures = same ? j.failures + 1 : 1;
  j.rejections = (same ? j.rejections : 0) + (others_passed(r.at, j) ? 1 : 0);
  if (j.first_trouble == time_point{}) j.first_trouble = now;
  j.last_error = r.error.code;
  j.last_stage = r.at;
}

void dispatch::failed(job& j, const job_result& r, time_point now) {
  situation s;
  s.healthy_for_others = others_passed(r.at, j);
  count_failure(j, r, now);
  count_missing(j, r.error.code, now);
  j.last_trouble = now;
  charge_dependency(j, r, now);
  s.at = r.at;
  s.error = r.error;
  // What Redis counted across redeliveries may stem from an outage: it hastens the end, but does not make it.
  s.failures = j.rejections >= 2 ? std::max(j.rejections, j.counted) : j.rejections;
  s.max_failures = options_.max_failures;
  s.held_for = now - j.first_trouble;
  s.hold_limit = hold_limit(j.spec.sequence_number, j.spec.delivery_count);
  s.missing_for = is_missing(r.error.code) ? now - j.missing_since : duration::zero();
  s.missing_limit = options_.missing_limit;
  s.record_covers_event = r.record_covers_event;
  s.fresh_without_message = r.fresh_without_message;
  s.tried = j.failures;
  count_refusal(j, s, r);
  s.redis_emptied = r.redis_looks_emptied || missing_sessions_.size() >= 5;
  const auto crashes = crashes_.find(j.spec.sequence_number);
  const bool counted = crashes != crashes_.end() && same_event(crashes->second.ids, j.spec.ids);
  s.crashes = counted ? crashes->second.crashes : 0;
  s.last_delivery = j.spec.delivery_count + 1 >= options_.max_delivery_count;
  if (s.redis_emptied && r.error.code == errc::conversation_missing)
    port_.note(note::redis_emptied, {&j.spec, &r, {}, {}, dependency::redis, s.held_for});
  carry_out(j, s, r, now);
}

void dispatch::carry_out(job& j, const situation& s, const job_result& r, time_point now) {
  verdict v = decide(s);
  // What the analyzer mends itself never comes here but by a fault of ours: it waits like any other trouble.
  if (!settles(v.what) && v.what != action::hold && v.what != action::retry_now &&
      v.what != action::analyse_rest)
    v.what = s.held_for < s.hold_limit ? action::hold : action::release;
  const auto elapsed = now - j.submitted;
  if (v.what == action::release && !draining_ && !releasable(j.spec.sequence_number)) v.what = action::hold;
  if (v.what == action::hold && draining_) v = {action::release, "shutdown", v.rule};
  if (v.what == action::analyse_rest) {
    j.spec.message_given_up = true;
    port_.note(note::message_given_up, {&j.spec, &r, v.rule, v.reason, r.error.from, elapsed});
    return hold(j, duration::zero(), now);
  }
  if (!settles(v.what)) {
    port_.note(note::job_held, {&j.spec, &r, v.rule, v.reason, r.error.from, elapsed});
    hold(j, delay_of(j, s, v), now, is_its_own(s));
    return;
  }
  port_.note(note::job_ended, {&j.spec, &r, v.rule, v.reason, r.error.from, elapsed});
  end_job(j.spec.id, {j.spec.sequence_number, v.what, std::string{v.reason}, to_string(r.error)});
}

duration dispatch::delay_of(const job& j, const situation& s, const verdict& v) {
  const auto kind = classify(s.error.code);
  if (v.what == action::retry_now)
    return j.failures > 3 ? backoff(j.failures, options_.retry_max) : duration::zero();
  if (is_missing(s.error.code) && !s.redis_emptied) return std::chrono::milliseconds{500};
  // Few jobs open no breaker: they themselves must notice within seconds that the dependency is back.
  const duration most = kind == error_class::transient
                            ? std::min(options_.retry_max, options_.breaker.probe_interval)
                            : options_.retry_max;
  const duration asked = std::min<duration>(s.error.retry_after, options_.hold_limit);
  if (is_unreadable_answer(s.at, s.error.code)) return std::max(asked, unreadable_pause(j.failures));
  return std::max(asked, backoff(j.failures, most));
}

// It was told to, or the next call may be paid in vain like the last.
bool dispatch::must_wait(const job& j) {
  return j.last_error == errc::throttled || is_unreadable_answer(j.last_stage, j.last_error);
}

// Between half of it and all of it.
duration dispatch::unreadable_pause(uint32_t failures) {
  const auto whole = std::min<duration>(options_.unreadable_max,
                                        options_.unreadable_min * (int64_t{1} << std::min(failures, 20U)));
  const duration half = whole / 2;
  return half + duration{std::uniform_int_distribution<int64_t>{0, half.count()}(random_)};
}

duration dispatch::backoff(uint32_t failures, duration most) {
  const auto cap = std::min<duration>(most, options_.retry_min * (int64_t{1} << std::min(failures, 20U)));
  return options_.retry_min + duration{std::uniform_int_distribution<int64_t>{0, cap.count()}(random_)};
}

duration dispatch::hold_limit(int64_t sequence_number, uint32_t delivery_count) const {
  if (!releasable(sequence_number)) return duration::max();
  if (!release_costs_) return options_.hold_limit;
  constexpr int longer = 6;
  if (near_last_delivery(delivery_count)) return duration::max();
  return options_.hold_limit * longer;
}

}  // namespace mw::flow
