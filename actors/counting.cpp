#include "actors/counting.hpp"

#include <algorithm>

#include "protocol/memory/summary_text.hpp"

namespace mw {
namespace {

void note_given_up(services& s, const analysis::book_entry& e) {
  s.metrics.spans_given_up.at(e.span.reason).Increment();
  observe::log(log_level::warning, "span-given-up")
      .field("session", e.session_id)
      .field("from", e.span.from.id)
      .field("to", e.span.to.id)
      .field("reason", e.span.reason)
      .field("attempts", e.span.attempts)
      .field("effect", "these messages are not asked about again");
}

/// The first time only; which sessions were told is forgotten when they are many.
bool tell_once(services& s, std::string_view event, std::string_view session_id) {
  constexpr size_t most = 10'000;
  if (s.told_sessions.size() >= most) s.told_sessions.clear();
  const std::hash<std::string_view> hash;
  return s.told_sessions.insert(hash(session_id) ^ hash(event)).second;
}

bool all_zero(const auto& counts) {
  return std::all_of(counts.begin(), counts.end(), [](uint32_t n) { return n == 0; });
}

void count_shortened(services& s, const analysis::shortened_counts& counts, std::string_view session_id) {
  if (all_zero(counts)) return;
  const auto kind = [](size_t i) { return to_string(static_cast<analysis::shortened>(i)); };
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts.at(i) > 0) s.metrics.prompts_shortened.at(kind(i)).Increment(counts.at(i));
  constexpr std::string_view event = "prompt-shortened";
  if (!tell_once(s, event, session_id)) return;
  auto line = observe::log(log_level::info, event);
  line.field("session", session_id);
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts.at(i) > 0) line.field(kind(i), counts.at(i));
  line.field("effect", "the LLM sees less of these; said once for a conversation");
}

void count_call(services& s, std::string_view purpose, const failure* error, const memory::usage& used,
                flow::duration took) {
  auto& m = s.metrics;
  m.llm_calls.at(purpose).Increment();
  m.request_ended(dependency::llm, error, took);
  m.llm_tokens.at("input").Increment(static_cast<double>(used.prompt_tokens));
  m.llm_tokens.at("output").Increment(static_cast<double>(used.completion_tokens));
  if (used.cached_tokens > 0) m.llm_tokens.at("cached").Increment(static_cast<double>(used.cached_tokens));
  if (used.reasoning_tokens > 0)
    m.llm_tokens.at("reasoning").Increment(static_cast<double>(used.reasoning_tokens));
  s.tokens.spend(day_of(s), used.prompt_tokens + used.completion_tokens);
}

}  // namespace

void count_passed_over(services& s, const analysis::preparation& p, std::string_view session_id) {
  count_shortened(s, p.shortened, session_id);
  if (all_zero(p.unreadable) && p.of_unknown_time == 0) return;
  for (size_t i = 0; i < p.unreadable.size(); ++i)
    if (p.unreadable.at(i) > 0)
      s.metrics.messages_unreadable.at(to_string(static_cast<chat::unread>(i + 1)))
          .Increment(p.unreadable.at(i));
  s.metrics.messages_of_unknown_time.Increment(static_cast<double>(p.of_unknown_time));
  constexpr std::string_view event = "messages-passed-over";
  if (!tell_once(s, event, session_id)) return;
  auto line = observe::log(log_level::warning, event);
  line.field("session", session_id);
  for (size_t i = 0; i < p.unreadable.size(); ++i)
    if (p.unreadable.at(i) > 0) line.field(to_string(static_cast<chat::unread>(i + 1)), p.unreadable.at(i));
  if (p.of_unknown_time > 0) line.field("of-unknown-time", p.of_unknown_time);
  line.field("effect", "these messages are not analysed; said once for a conversation");
}

void count_stage(observe::metrics& m, flow::stage at, flow::duration took) {
  m.stage_seconds.at(to_string(at)).Observe(in_seconds(took));
}

void count_dropped(observe::metrics& m, const llm::analysis& a, std::string_view session_id) {
  if (a.dropped.empty()) return;
  auto line = observe::log(log_level::info, "operations-dropped");
  line.field("session", session_id);
  for (size_t i = 0; i < llm::drop_causes; ++i) {
    const auto cause = static_cast<llm::drop_cause>(i);
    if (a.dropped_for(cause) == 0) continue;
    m.operations_dropped.at(to_string(cause)).Increment(a.dropped_for(cause));
    std::string where;
    for (const auto& d : a.dropped)
      if (d.cause == cause)
        where.append(where.empty() ? "" : ",").append(d.message == 0 ? "-" : "m" + std::to_string(d.message));
    line.field(to_string(cause), where);
  }
}

void count_summary(observe::metrics& m, const llm::analysis& a, std::string_view session_id) {
  const auto fault = memory::fault_of_summary(a.summary);
  if (fault == memory::summary_fault::none) return;
  m.summaries_unusable.at(to_string(fault)).Increment();
  observe::log(log_level::info, "summary-says-nothing")
      .field("session", session_id)
      .field("cause", to_string(fault))
      .field("effect", "a summary that is stored stays");
}

int64_t day_of(const services& s) {
  return std::chrono::floor<std::chrono::days>(s.wall_clock()).time_since_epoch().count();
}

void count_paid(services& s, const llm::answer& answer, std::string_view purpose) {
  count_call(s, purpose, answer.outcome ? nullptr : &answer.outcome.error(), answer.used, answer.elapsed);
}

void count_unused(services& s, const llm::answer& answer) {
  if (answer.used.prompt_tokens + answer.used.completion_tokens == 0) return;
  count_paid(s, answer, "analysis");
  observe::log(log_level::info, "answer-unused")
      .field("tokens", answer.used.prompt_tokens + answer.used.completion_tokens);
}

void count_embedding(observe::metrics& m, const llm::embedding& e) {
  m.llm_calls.at("embedding").Increment();
  if (e.asked) m.request_ended(dependency::llm, e.vector ? nullptr : &e.vector.error(), e.elapsed);
  m.embeddings.at(e.vector ? "ok" : to_string(e.vector.error().code)).Increment();
  if (e.tokens > 0) m.llm_tokens.at("embedding").Increment(static_cast<double>(e.tokens));
}

void count_llm_probe(services& s, const llm::probe_answer& answer, flow::duration took) {
  count_call(s, "probe", answer.well ? nullptr : &answer.well.error(), answer.used, took);
}

void count_probe_not_sent(observe::metrics& m, const failure& why) {
  m.probes_not_sent.at(to_string(why.from)).Increment();
  observe::log(log_level::warning, "probe-not-sent").field("detail", to_string(why));
}

void count_commit(observe::metrics& m, const memory::commit_reply& reply) {
  m.commits.at(to_string(reply.outcome)).Increment();
  if (reply.operations_applied > 0) m.operations_applied.Increment(reply.operations_applied);
  const uint32_t outdated = std::min(reply.operations_outdated, reply.operations_dropped);
  if (outdated > 0) m.operations_dropped.at("outdated").Increment(outdated);
  if (reply.operations_dropped > outdated)
    m.operations_dropped.at("not-applied").Increment(reply.operations_dropped - outdated);
  if (reply.items_evicted > 0) m.items_evicted.Increment(reply.items_evicted);
}

void count_skipped(services& s, const memory::commit& c) {
  for (const auto& span : c.skipped) s.metrics.spans_skipped.at(span.reason).Increment();
  for (const auto& e : s.skipped.stored(c, s.wall_clock())) note_given_up(s, e);
  if (!c.skipped.empty() || !c.retried.empty()) s.status.list("skipped_spans", s.skipped.json());
}

void count_expired(services& s, const analysis::book_entry& e, const std::optional<memory::record>& stored,
                   wall_time now) {
  if (const auto gone = s.skipped.expired(e, stored, now)) note_given_up(s, *gone);
  s.status.list("skipped_spans", s.skipped.json());
}

void count_settled(observe::metrics& m, const flow::settlement& s, bool refused) {
  if (refused) return m.settlements_refused.Increment();
  m.deliveries_settled.at(to_string(s.what)).Increment();
  if (s.what == action::dead_letter) m.dead_letters.at(s.reason).Increment();
  if (s.what == action::complete && s.reason == "covered") m.events_merged.Increment();
}

}  // namespace mw
