// How the messages are written to and read from bytes (CAF inspection). Included by messages.hpp only.
// std::optional, std::array and shared ids are unknown to CAF 0.17: they are taken apart before and put
// together after.
#pragma once

#include <caf/all.hpp>

namespace mw {

/// A type that is inspected through parts which are assigned back after loading.
template <class Inspector, class Assign, class... Parts>
typename Inspector::result_type inspect_parts(Inspector& f, const char* name, Assign assign,
                                              Parts&... parts) {
  auto load = [&assign]() -> caf::error {
    assign();
    return caf::none;
  };
  return f(caf::meta::type_name(name), parts..., caf::meta::load_callback(load));
}

template <class I>
typename I::result_type inspect(I& f, event_ids& x) {
  std::string user{x.user()};
  std::string session{x.session()};
  std::string chat_message{x.chat_message()};
  std::string trace{x.traceparent()};
  return inspect_parts(
      f, "mw.event_ids.v1",
      [&] {
        x = event_ids{user, session, chat_message, trace};
      },
      user, session, chat_message, trace);
}

template <class I>
typename I::result_type inspect(I& f, failure& x) {
  auto retry_ms = static_cast<int64_t>(x.retry_after.count());
  return inspect_parts(
      f, "mw.failure.v1", [&] { x.retry_after = std::chrono::milliseconds{retry_ms}; }, x.code, x.from,
      x.detail, retry_ms);
}

namespace flow {

template <class I>
typename I::result_type inspect(I& f, job_spec& x) {
  return f(caf::meta::type_name("mw.job_spec.v1"), x.id, x.attempt, x.sequence_number, x.delivery_count,
           x.ids, x.completed_at_ms, x.enqueued_ms, x.may_postpone, x.calls_used, x.max_fresh_messages,
           x.message_given_up, x.mark_refused);
}

template <class I>
typename I::result_type inspect(I& f, job_result& x) {
  return f(caf::meta::type_name("mw.job_result.v1"), x.id, x.attempt, x.end, x.at, x.error, x.calls_used,
           x.max_fresh_messages, x.postpone_ms, x.record_covers_event, x.redis_looks_emptied,
           x.fresh_without_message);
}

template <class I>
typename I::result_type inspect(I& f, settlement& x) {
  return f(caf::meta::type_name("mw.settlement.v1"), x.sequence_number, x.what, x.reason, x.description);
}

}  // namespace flow

namespace chat {

template <class I>
typename I::result_type inspect(I& f, watermark& x) {
  return f(caf::meta::type_name("mw.watermark.v1"), x.id, x.timestamp);
}

template <class I>
typename I::result_type inspect(I& f, message_span& x) {
  return f(caf::meta::type_name("mw.message_span.v1"), x.from, x.to);
}

}  // namespace chat

namespace memory {

template <class I>
typename I::result_type inspect(I& f, quote_place& x) {
  return f(caf::meta::type_name("mw.quote_place.v1"), x.message, x.quote, x.nth);
}

template <class I>
typename I::result_type inspect(I& f, operation& x) {
  return f(caf::meta::type_name("mw.operation.v1"), x.op, x.in, x.item, x.replaces, x.quote, x.evidence,
           x.said, x.place);
}

template <class I>
typename I::result_type inspect(I& f, skipped_span& x) {
  return f(caf::meta::type_name("mw.skipped_span.v1"), x.from, x.to, x.reason, x.attempts, x.tried);
}

template <class I>
typename I::result_type inspect(I& f, usage& x) {
  return f(caf::meta::type_name("mw.usage.v1"), x.prompt_tokens, x.completion_tokens, x.cached_tokens,
           x.reasoning_tokens, x.calls);
}

template <class I>
typename I::result_type inspect(I& f, commit& x) {
  bool has_base = x.base.has_value();
  watermark base = x.base.value_or(watermark{});
  bool has_anew_to = x.anew_to.has_value();
  watermark anew_to = x.anew_to.value_or(watermark{});
  bool has_unsaid = x.unsaid.has_value();
  std::string unsaid = x.unsaid.value_or(std::string{});
  const auto assign = [&] {
    x.base = has_base ? std::optional{base} : std::nullopt;
    x.anew_to = has_anew_to ? std::optional{anew_to} : std::nullopt;
    x.unsaid = has_unsaid ? std::optional{unsaid} : std::nullopt;
  };
  return inspect_parts(f, "mw.commit.v2", assign, x.user_id, x.session_id, x.epoch, x.profile_existed,
                       x.forgotten_before, has_unsaid, unsaid, x.anew, has_anew_to, anew_to, has_base, base,
                       x.through, x.span, x.defaults, x.summary, x.themes, x.persons, x.places,
                       x.user_sentiment, x.embedding, x.operations, x.skipped, x.retried, x.keep_summary,
                       x.model, x.used);
}

}  // namespace memory

namespace llm {

template <class I>
typename I::result_type inspect(I& f, prompt_message& x) {
  return f(caf::meta::type_name("mw.prompt_message.v1"), x.from, x.text, x.position, x.fresh, x.said_us,
           x.place);
}

}  // namespace llm

namespace analysis {

template <class I>
typename I::result_type inspect(I& f, span_part& x) {
  return f(caf::meta::type_name("mw.span_part.v1"), x.message, x.position);
}

template <class I>
typename I::result_type inspect(I& f, loaded_conversation& x) {
  std::vector<std::vector<std::string>> profile(x.profile.begin(), x.profile.end());
  bool has_base = x.base.has_value();
  chat::watermark base = x.base.value_or(chat::watermark{});
  bool has_anew_to = x.anew_to.has_value();
  chat::watermark anew_to = x.anew_to.value_or(chat::watermark{});
  const auto assign = [&] {
    for (size_t i = 0; i < x.profile.size() && i < profile.size(); ++i) x.profile[i] = profile[i];
    x.base = has_base ? std::optional{base} : std::nullopt;
    x.anew_to = has_anew_to ? std::optional{anew_to} : std::nullopt;
  };
  return inspect_parts(f, "mw.loaded_conversation.v2", assign, x.unsaid, x.anew, has_anew_to, anew_to,
                       x.user_id, x.session_id, x.title, profile, x.profile_existed, x.epoch,
                       x.forgotten_before, x.previous_summary, has_base, base, x.through, x.span, x.retried,
                       x.left, x.expired, x.breaks, x.messages, x.retry_alone, x.cut_short, x.covers_event);
}

}  // namespace analysis

template <class I>
typename I::result_type inspect(I& f, delivery& x) {
  return f(caf::meta::type_name("mw.delivery.v2"), x.sequence_number, x.delivery_count, x.ids,
           x.completed_at_ms, x.since_completed_ms, x.token_high, x.token_low, x.unreadable, x.enqueued_ms);
}
template <class I>
typename I::result_type inspect(I& f, job& x) {
  return f(caf::meta::type_name("mw.job.v1"), x.spec);
}
template <class I>
typename I::result_type inspect(I& f, entered& x) {
  return f(caf::meta::type_name("mw.entered.v1"), x.id, x.attempt, x.at);
}
template <class I>
typename I::result_type inspect(I& f, loaded_job& x) {
  return f(caf::meta::type_name("mw.loaded_job.v1"), x.spec, x.conversation, x.saved_answer);
}
template <class I>
typename I::result_type inspect(I& f, analysed_job& x) {
  return f(caf::meta::type_name("mw.analysed_job.v1"), x.spec, x.commit, x.covers_event, x.was_saved,
           x.calls_used, x.max_fresh_messages);
}
template <class I>
typename I::result_type inspect(I& f, job_done& x) {
  return f(caf::meta::type_name("mw.job_done.v1"), x.result);
}
template <class I>
typename I::result_type inspect(I& f, settle& x) {
  return f(caf::meta::type_name("mw.settle.v1"), x.settlements);
}
template <class I>
typename I::result_type inspect(I& f, settled& x) {
  return f(caf::meta::type_name("mw.settled.v1"), x.sequence_numbers);
}
template <class I>
typename I::result_type inspect(I& f, lock_lost& x) {
  return f(caf::meta::type_name("mw.lock_lost.v1"), x.sequence_number);
}
template <class I>
typename I::result_type inspect(I& f, settlement_failed& x) {
  return f(caf::meta::type_name("mw.settlement_failed.v1"), x.sequence_number);
}
template <class I>
typename I::result_type inspect(I& f, not_released& x) {
  return f(caf::meta::type_name("mw.not_released.v1"), x.sequence_number);
}
template <class I>
typename I::result_type inspect(I& f, demand& x) {
  return f(caf::meta::type_name("mw.demand.v1"), x.from, x.items);
}
template <class I>
typename I::result_type inspect(I& f, intake& x) {
  return f(caf::meta::type_name("mw.intake.v1"), x.open, x.credit);
}
template <class I>
typename I::result_type inspect(I& f, adopt& x) {
  return f(caf::meta::type_name("mw.adopt.v2"), x.sequence_numbers, x.token_high, x.token_low,
           x.latest_end_ns);
}
template <class I>
typename I::result_type inspect(I& f, freed& x) {
  return f(caf::meta::type_name("mw.freed.v1"), x.jobs);
}
template <class I>
typename I::result_type inspect(I& f, probe& x) {
  return f(caf::meta::type_name("mw.probe.v1"), x.about);
}
template <class I>
typename I::result_type inspect(I& f, probed& x) {
  return f(caf::meta::type_name("mw.probed.v1"), x.about, x.well);
}
template <class I>
typename I::result_type inspect(I& f, count_failure& x) {
  return f(caf::meta::type_name("mw.count_failure.v1"), x.job, x.sequence_number);
}
template <class I>
typename I::result_type inspect(I& f, failure_counted& x) {
  return f(caf::meta::type_name("mw.failure_counted.v1"), x.job, x.failures);
}
template <class I>
typename I::result_type inspect(I& f, intake_closed& x) {
  return f(caf::meta::type_name("mw.intake_closed.v1"), x.generation);
}
template <class I>
typename I::result_type inspect(I& f, link_up& x) {
  return f(caf::meta::type_name("mw.link_up.v1"), x.generation);
}
template <class I>
typename I::result_type inspect(I& f, flush_windows& x) {
  return f(caf::meta::type_name("mw.flush_windows.v1"), x.user, x.session);
}
template <class I>
typename I::result_type inspect(I& f, routes& x) {
  return f(caf::meta::type_name("mw.routes.v1"), x.receiver, x.dispatcher, x.loader, x.analyzer, x.writer);
}
template <class I>
typename I::result_type inspect(I& f, stage_down& x) {
  return f(caf::meta::type_name("mw.stage_down.v1"), x.at, x.culprit, x.away);
}
template <class I>
typename I::result_type inspect(I& f, drain& x) {
  return f(caf::meta::type_name("mw.drain.v2"), x.abort, x.without_stage, x.gone);
}
template <class I>
typename I::result_type inspect(I& f, drained& x) {
  return f(caf::meta::type_name("mw.drained.v1"), x.left);
}

}  // namespace mw
