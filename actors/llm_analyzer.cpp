#include "actors/llm_analyzer.hpp"

#include "actors/counting.hpp"
#include "actors/guard.hpp"
#include "actors/tell.hpp"
#include "actors/tracing.hpp"
#include "protocol/analysis/commit_building.hpp"
#include "protocol/llm/embedder.hpp"
#include "protocol/memory/summary_text.hpp"
#include "protocol/memory_api/commit_json.hpp"

namespace mw {
namespace {

constexpr uint32_t calls_to_mend = 8;

uint64_t question_of(const analysis::loaded_conversation& part, const llm::call_limits& limits) {
  return analysis::fingerprint(part) ^ (uint64_t{limits.max_output_tokens} << 1) ^
         std::hash<std::string>{}(limits.repair_answer);
}

void add(memory::usage& sum, const memory::usage& more) {
  sum.prompt_tokens += more.prompt_tokens;
  sum.completion_tokens += more.completion_tokens;
  sum.cached_tokens += more.cached_tokens;
  sum.reasoning_tokens += more.reasoning_tokens;
}

/// The answer goes into the call book; where it is to be embedded, with the embedding of its summary.
void keep(const std::shared_ptr<services>& s, uint64_t id, uint64_t question, uint64_t call,
          llm::answer answer, bool may_embed) {
  auto kept = std::make_shared<llm::answer>(std::move(answer));
  const auto hand_over = [s, id, question, call](const std::shared_ptr<const llm::answer>& a) {
    if (!s->calls.answered(id, question, call, a)) count_unused(*s, *a);
  };
  // A text that says nothing is not stored as a summary.
  if (!s->outside.embed || !may_embed || !kept->outcome || memory::says_nothing(kept->outcome->summary))
    return hand_over(kept);
  s->outside.embed(llm::embedding_text(*kept->outcome), [hand_over, kept](llm::embedding e) {
    kept->embedded = std::move(e);
    hand_over(kept);
  });
}

}  // namespace

analyzer_actor::behavior_type llm_analyzer(analyzer_actor::stateful_pointer<llm_analyzer_state> self,
                                           std::shared_ptr<services> s) {
  self->state.init(self, std::move(s));
  return self->state.behavior();
}

void llm_analyzer_state::init(analyzer_actor::pointer self, std::shared_ptr<services> s) {
  self_ = self;
  services_ = std::move(s);
  self_->set_default_handler(caf::drop);
  random_.seed(services_->seed);
  take_settings();
}

void llm_analyzer_state::take_settings() {
  settings_ = services_->settings.get();
  const auto& s = *settings_;
  const uint32_t most = std::min(s.llm_analyzer.max_in_flight, services_->most_in_flight);
  if (limit_)
    limit_->set_maximum(most);
  else
    limit_ = std::make_unique<flow::in_flight_limit>(most);
  stall_.set_policy({std::min(s.llm_analyzer.probe_timeout, s.llm_analyzer.request_timeout),
                     s.llm_analyzer.request_timeout});
  room_ = std::max(s.llm_analyzer.mailbox_limit, s.dispatcher.max_jobs);
}

analyzer_actor::behavior_type llm_analyzer_state::behavior() {
  return {
      [this](const routes& r) { guarded(self_, 0, [&] { take_routes(r); }); },
      [this](loaded_job& j) {
        const uint64_t id = j.spec.id;
        guarded(self_, id, [&] { take_job(j); });
      },
      [this](const demand& d) {
        guarded(self_, 0, [&] {
          credit_ += d.items;
          pump();
        });
      },
      [this](const probe&) { guarded(self_, 0, [&] { probe_llm(); }); },
      [this](const llm_probed& p) { guarded(self_, 0, [&] { take_probed(p); }); },
      [this](const llm_answered& a) { guarded(self_, a.id, [&] { take_answer(a); }); },
      [this](settings_changed) {
        guarded(self_, 0, [&] {
          take_settings();
          pump();
        });
      },
      [this](tick_message, uint64_t generation) {
        if (generation != tick_generation_) return;
        armed_for_ = {};
        guarded(self_, 0, [&] { pump(); });
      },
  };
}

void llm_analyzer_state::take_routes(const routes& r) {
  const bool new_loader = r.loader != routes_.loader;
  const bool new_dispatcher = r.dispatcher != routes_.dispatcher;
  const bool new_writer = r.writer != routes_.writer;
  const bool first = !routes_.dispatcher && r.dispatcher;
  routes_ = r;
  if (new_writer) credit_ = 0;  // its successor says anew what it takes
  if (new_loader) granted_ = 0;
  if (new_dispatcher) queue_.clear();  // its predecessor's jobs are nobody's
  grant();
  if (first) probe_llm();
}

void llm_analyzer_state::report_entered(const flow::job_spec& spec) {
  if (const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher))
    self_->send(dispatcher, entered{spec.id, spec.attempt, flow::stage::analyse});
}

void llm_analyzer_state::take_job(loaded_job& j) {
  if (granted_ > 0) --granted_;
  report_entered(j.spec);
  if (j.spec.attempt > 1) {
    // Submitted again: the older attempt is void, wherever it is.
    std::erase_if(queue_, [&](const waiting& q) { return q.job.spec.id == j.spec.id; });
    drop(j.spec.id);
  }
  queue_.push_back({std::move(j), self_->clock().now()});
  pump();
}

void llm_analyzer_state::start(loaded_job j) {
  if (!j.saved_answer.empty() && hand_on_saved(j)) return;
  --credit_;
  active a;
  a.spec = j.spec;
  a.whole = std::make_shared<analysis::loaded_conversation>(std::move(j.conversation));
  a.limits.max_output_tokens = settings_->llm_analyzer.max_output_tokens;
  a.calls_used = j.spec.calls_used;
  a.since = self_->clock().now();
  if (!budget_left()) {
    // What was skipped before is not looked at again today: without a call nothing would be different.
    a.whole->covers_event = !a.whole->cut_short || a.whole->span.empty();
    a.shown = a.scope();
    return mend(a, fail(errc::budget_exhausted, "the day's tokens are spent"), {});
  }
  begin(active_.insert_or_assign(j.spec.id, std::move(a)).first->second);
}

// An answer of an earlier try, saved before its commit: it fits when the record still stands where it stood.
bool llm_analyzer_state::hand_on_saved(const loaded_job& j) {
  auto saved = memory_api::parse_commit(j.saved_answer);
  if (!saved || saved->base != j.conversation.base || saved->epoch != j.conversation.epoch ||
      saved->unsaid.value_or(std::string{}) != j.conversation.unsaid ||
      saved->user_id != j.conversation.user_id || saved->session_id != j.conversation.session_id)
    return false;
  const auto writer = handle_of<writer_actor>(routes_.writer);
  if (!writer) return false;
  --credit_;
  analysed_job out;
  out.spec = j.spec;
  out.covers_event = j.conversation.covers_event && saved->through == j.conversation.through;
  out.commit = std::move(*saved);
  out.was_saved = true;
  out.calls_used = j.spec.calls_used;
  observe::log(log_level::info, "answer-resumed").field("session", j.conversation.session_id);
  self_->send(writer, std::move(out));
  return true;
}

void llm_analyzer_state::begin(active& a) {
  const uint32_t most = settings_->dispatcher.max_tokens;
  a.shown = a.scope();
  a.parts.reset();
  a.most_calls = calls_to_mend;
  if (analysis::needs_parts(a.part(), most)) {
    a.parts = std::make_unique<analysis::message_parts>(a.scope(), most);
    a.shown = a.parts->question();
    a.most_calls += static_cast<uint32_t>(a.parts->count()) - 1;
    observe::log(log_level::info, "message-in-parts")
        .field("session", a.part().session_id)
        .field("message", a.part().messages.front().position.id)
        .field("parts", a.parts->count());
  }
  call(a);
}

void llm_analyzer_state::call(active& a) {
  const auto now = self_->clock().now();
  limit_->started();
  stall_.asked(now);
  a.asked_at = now;
  a.question = question_of(*a.shown, a.limits);
  const caf::actor_addr weak = self_->address();
  const auto deliver = [weak, id = a.spec.id,
                        attempt = a.spec.attempt](std::shared_ptr<const llm::answer> answer) {
    mw::tell<analyzer_actor>(weak, llm_answered{id, attempt, std::move(answer)});
  };
  const uint64_t id = a.spec.id;
  const uint64_t question = a.question;
  const auto known = services_->calls.attach(id, question, deliver);
  a.reused = known == call_book::found::answered;
  if (known != call_book::found::nothing) return;
  const uint64_t number = services_->calls.began(id, question, deliver);
  pace_.started(a.limits.max_output_tokens, now);
  const bool may_embed = !a.to_quote && (!a.parts || a.parts->is_last());
  services_->outside.analyse(a.shown, a.limits,
                             [services = services_, id, question, number, may_embed](llm::answer answer) {
                               keep(services, id, question, number, std::move(answer), may_embed);
                             });
}

void llm_analyzer_state::note_paid(const llm::answer& answer, std::string_view purpose) {
  count_paid(*services_, answer, purpose);
  note_quota(answer);
  note_life(answer);
  if (answer.embedded) note_embedding(*answer.embedded);
}

void llm_analyzer_state::note_embedding(const llm::embedding& e) {
  count_embedding(services_->metrics, e);
  services_->tokens.spend(day_of(*services_), e.tokens);
  const auto trouble = e.vector ? std::nullopt : std::optional{e.vector.error().code};
  if (trouble && trouble != embedding_trouble_)
    observe::log(log_level::warning, "embedding-failed")
        .field("effect", "the summary is stored without a vector until its conversation goes on")
        .failed(e.vector.error());
  embedding_trouble_ = trouble;
}

void llm_analyzer_state::take_answer(const llm_answered& message) {
  const auto it = active_.find(message.id);
  if (it == active_.end() || it->second.spec.attempt != message.attempt) {
    // Its job was given back meanwhile. It is paid all the same; where it is used, it is not counted again.
    if (message.answer) {
      note_paid(*message.answer, "analysis");
      if (is_answered(*message.answer)) {
        stall_.took(message.answer->elapsed);
        services_->calls.trust_all();
      }
    }
    return pump();
  }
  if (!message.answer) {
    drop(message.id);
    return pump();
  }
  active& a = it->second;
  const llm::answer& answer = *message.answer;
  note_load(a, answer);
  if (!a.reused) {
    if (is_answered(answer)) ++a.calls_used;
    quote_repairs_.called();
    note_paid(answer, a.purpose);
    trace_called(*services_, message.id, answer, a.purpose, a.limits.max_output_tokens, *a.shown,
                 self_->clock().now());
  }
  add(a.used, answer.used);
  ++a.used.calls;
  if (!answer.model.empty()) a.model = answer.model;
  take_outcome(a, answer);
  pump();
}

void llm_analyzer_state::hand_on(active& a, memory::commit c) {
  analysed_job out;
  out.spec = a.spec;
  const auto& done = a.part();
  out.covers_event = done.covers_event;
  out.commit = std::move(c);
  out.calls_used = a.calls_used;
  // The half that failed comes next, in parts of the same size; a whole that fitted starts from the whole
  // again.
  out.max_fresh_messages =
      !done.cut_short || done.messages.size() <= 1 ? 0 : static_cast<uint32_t>(done.messages.size());
  count_stage(services_->metrics, flow::stage::analyse, self_->clock().now() - a.since);
  active_.erase(a.spec.id);
  if (const auto writer = handle_of<writer_actor>(routes_.writer)) self_->send(writer, std::move(out));
}

void llm_analyzer_state::fail_job(const flow::job_spec& spec, uint32_t calls_used, failure why) {
  flow::job_result r;
  r.id = spec.id;
  r.attempt = spec.attempt;
  r.at = flow::stage::analyse;
  r.error = std::move(why);
  r.calls_used = calls_used;
  r.max_fresh_messages = spec.max_fresh_messages;
  if (const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher))
    self_->send(dispatcher, job_done{std::move(r)});
}

void llm_analyzer_state::drop(uint64_t id) {
  if (active_.erase(id) == 0) return;
  limit_->ended();
  stall_.ended();
  ++credit_;
}

bool llm_analyzer_state::budget_left() {
  const uint64_t budget = settings_->llm_analyzer.budget_tokens_per_day;
  return budget == 0 || services_->tokens.spent(day_of(*services_)) < budget;
}

void llm_analyzer_state::grant() {
  const auto loader = handle_of<loader_actor>(routes_.loader);
  const uint64_t used = queue_.size() + active_.size() + granted_;
  if (!loader || used >= room_ || room_ - used < std::max(1U, room_ / 4)) return;
  const auto items = static_cast<uint32_t>(room_ - used);
  granted_ += items;
  self_->send(loader, demand{flow::stage::analyse, items});
}

}  // namespace mw
