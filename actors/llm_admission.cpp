// When llm_analyzer may ask, and what calls and probes tell of the LLM: load, quota, silence.
#include <fmt/format.h>

#include "actors/counting.hpp"
#include "actors/guard.hpp"
#include "actors/llm_analyzer.hpp"
#include "actors/tell.hpp"
#include "protocol/flow/verdict.hpp"

namespace mw {
namespace {

constexpr std::chrono::seconds probe_llm_again_after{5};

}  // namespace

bool is_answered(const llm::answer& a) {
  return a.outcome || is_bad_answer(a.outcome.error().code);
}

void llm_analyzer_state::pump() {
  const auto now = self_->clock().now();
  while (!queue_.empty() && credit_ > 0 && limit_->may_start(now) && paced_until(now) <= now) {
    auto next = std::move(queue_.front());
    queue_.pop_front();
    const uint64_t id = next.job.spec.id;
    guarded(self_, id, [&] { start(std::move(next.job)); });
  }
  give_back_overdue(now);
  if (now >= stall_.due()) {
    stall_.probing(now);
    probe_llm();
  }
  arm_tick(now);
  services_->metrics.llm_in_flight.Set(limit_->in_flight());
  grant();
}

void llm_analyzer_state::arm_tick(flow::time_point now) {
  auto due = stall_.due();
  if (!queue_.empty()) {
    if (const auto may = std::max(limit_->paused_until(), paced_until(now)); may > now)
      due = std::min(due, may);
    due = std::min(due, queue_.front().since + longest_wait());
  }
  if (due == flow::time_point::max() || (armed_for_ != flow::time_point{} && armed_for_ <= due)) return;
  armed_for_ = due;
  self_->delayed_send(self_, std::max(due - now, flow::duration::zero()), tick_message::value,
                      ++tick_generation_);
}

// Before the job's deadline, which would be taken for a fault of the LLM.
flow::duration llm_analyzer_state::longest_wait() const {
  return settings_->dispatcher.job_deadline / 2;
}

void llm_analyzer_state::give_back_overdue(flow::time_point now) {
  while (!queue_.empty() && now - queue_.front().since >= longest_wait()) {
    const flow::job_spec spec = queue_.front().job.spec;
    queue_.pop_front();
    auto why =
        fail(dependency::llm, errc::throttled,
             "waited too long for its turn to ask the LLM: llm_analyzer.max-in-flight, its quota or its "
             "Retry-After does not let more pass");
    if (const auto until = limit_->paused_until(); until > now)
      why.retry_after = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    fail_job(spec, spec.calls_used, std::move(why));
  }
}

flow::time_point llm_analyzer_state::paced_until(flow::time_point now) const {
  if (limit_->in_flight() == 0) return now;
  return pace_.ready(settings_->llm_analyzer.max_output_tokens, now);
}

void llm_analyzer_state::note_quota(const llm::answer& answer) {
  const auto now = self_->clock().now();
  pace_.answered(answer.used.prompt_tokens);
  const auto tell = [&](flow::quota_bucket& bucket, const llm::quota& q, const char* kind) {
    if (!q.remaining) return;
    bucket.told(*q.remaining, q.limit, q.reset, now);
    services_->metrics.llm_quota_left.at(kind).Set(static_cast<double>(*q.remaining));
  };
  tell(pace_.requests, answer.left.requests, "requests");
  tell(pace_.tokens, answer.left.tokens, "tokens");
}

void llm_analyzer_state::note_load(const active& a, const llm::answer& answer) {
  const auto now = self_->clock().now();
  if (a.reused) {
    limit_->ended();
    return stall_.ended();
  }
  if (is_answered(answer)) {
    limit_->succeeded(now);
    return stall_.answered(now - a.asked_at, now);
  }
  const failure& why = answer.outcome.error();
  stall_.ended();
  const bool silent = why.code == errc::timed_out || why.code == errc::unreachable ||
                      why.code == errc::connection_lost || why.code == errc::cancelled ||
                      why.code == errc::open_files;
  if (!silent) {
    heard_at_ = now;
    stall_.heard(now);
  }
  if (why.code == errc::throttled) {
    limit_->throttled(why.retry_after, std::uniform_real_distribution<double>{}(random_), now);
  } else if (classify(why.code) == error_class::transient && why.code != errc::cancelled &&
             why.code != errc::open_files) {
    limit_->failed(now);
  } else {
    limit_->ended();
  }
}

void llm_analyzer_state::note_life(const llm::answer& answer) {
  if (!is_answered(answer)) return;
  heard_at_ = self_->clock().now();
  if (!std::exchange(hangs_, false)) return;
  stall_.heard(heard_at_);
  tell_dispatcher(true);
}

void llm_analyzer_state::tell_dispatcher(bool well) {
  if (const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher))
    self_->send(dispatcher, probed{dependency::llm, well});
}

void llm_analyzer_state::probe_llm() {
  const auto& limits = settings_->llm_analyzer;
  const uint64_t number = ++last_probe_;
  const auto patience = std::min<flow::duration>(
      std::max<flow::duration>(limits.probe_timeout, 2 * probe_took_), limits.request_timeout);
  probes_.insert_or_assign(number, probe_out{self_->clock().now(), false});
  self_->delayed_send(
      self_, patience,
      llm_probed{number, true, true, false,
                 fmt::format("no answer to a probe within {} ms",
                             std::chrono::floor<std::chrono::milliseconds>(patience).count())});
  const caf::actor_addr weak = self_->address();
  services_->outside.probe_llm([weak, number, services = services_,
                                since = flow::clock::now()](const llm::probe_answer& a) {
    const status& s = a.well;
    const bool sent = s || s.error().code != errc::open_files;
    if (sent)
      count_llm_probe(*services, a, flow::clock::now() - since);
    else
      count_probe_not_sent(services->metrics, s.error());
    mw::tell<analyzer_actor>(weak, llm_probed{number, false, sent, static_cast<bool>(s),
                                              s ? "answered an authenticated probe" : to_string(s.error())});
  });
}

void llm_analyzer_state::take_probed(const llm_probed& p) {
  const auto it = probes_.find(p.number);
  if (it == probes_.end()) return;
  const bool told = std::exchange(it->second.overdue, true);
  const auto sent_at = it->second.sent;
  if (!p.overdue) probes_.erase(it);
  if (told && !p.well) return;
  const auto now = self_->clock().now();
  if (p.well) note_probe(p.number, now - sent_at);
  if (!p.well && !p.sent) return probe_not_sent(now);
  // What was heard meanwhile knows better than a probe.
  const bool contradicted = !p.well && heard_at_ > sent_at;
  const bool well = p.well || contradicted;
  if (contradicted && probed_before_) {
    stall_.heard(now);
    return pump();
  }
  const std::string detail = contradicted ? "answered a call" : p.detail;
  const bool at_start = !std::exchange(probed_before_, true);
  services_->status.set("llm", well ? observe::state::ok : observe::state::down, detail);
  if (!well || at_start)
    observe::log(well ? log_level::info : log_level::error, well ? "llm-ready" : "llm-probe-failed")
        .field("detail", detail);
  tell_dispatcher(well);
  well ? recovered(sent_at) : probe_failed(detail);
  pump();
}

// For want of an open file: nothing is known. At the start nobody else would ask again.
void llm_analyzer_state::probe_not_sent(flow::time_point now) {
  stall_.heard(now);
  if (!probed_before_) self_->delayed_send(self_, probe_llm_again_after, probe{dependency::llm});
  pump();
}

// Of several that are answered at once, after a hang, the newest says how long they take.
void llm_analyzer_state::note_probe(uint64_t number, flow::duration took) {
  if (number < newest_answered_) return;
  newest_answered_ = number;
  probe_took_ = took;
  stall_.took(took);
}

// What was asked while it hung may never be answered.
void llm_analyzer_state::recovered(flow::time_point probe_sent) {
  if (probe_sent < given_back_at_) {
    services_->calls.trust_all();  // it is slow, it did not hang: the others are answered as well
    hangs_ = false;
  } else if (std::exchange(hangs_, false)) {
    give_back(probe_sent, "no answer to this call, asked while the LLM hung");
  }
  stall_.heard(self_->clock().now());
}

void llm_analyzer_state::probe_failed(const std::string& why) {
  const auto now = self_->clock().now();
  const std::string silent = "no answer to this call, to the others nor to a probe beside them: " + why;
  if (!stall_.probe_failed(now) || !give_back(now - stall_.least(), silent)) return;
  hangs_ = true;
  given_back_at_ = now;
  // What waits for a slot must not take those that became free: it would hang as well.
  for (auto not_asked = std::exchange(queue_, {}); const auto& w : not_asked)
    fail_job(w.job.spec, w.job.spec.calls_used,
             fail(dependency::llm, errc::timed_out, "not asked: " + silent));
}

// Their calls are not ended: a slow LLM may answer them yet, and what is paid for is used.
bool llm_analyzer_state::give_back(flow::time_point asked_before, const std::string& why) {
  const auto now = self_->clock().now();
  std::vector<uint64_t> hanging;
  for (const auto& [id, a] : active_)
    if (a.asked_at <= asked_before) hanging.push_back(id);
  for (const uint64_t id : hanging) {
    const active a = std::move(active_.extract(id).mapped());
    services_->calls.doubt(id);
    limit_->failed(now);
    stall_.ended();
    ++credit_;  // the writer's slot was not needed
    fail_job(a.spec, a.calls_used, fail(dependency::llm, errc::timed_out, why));
  }
  return !hanging.empty();
}

}  // namespace mw
