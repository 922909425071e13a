#include "protocol/flow/verdict.hpp"

#include <algorithm>
#include <array>

#include "protocol/base/skip_reasons.hpp"

namespace mw {
namespace {

using flow::stage;

bool is(const situation& s, errc code) {
  return s.error.code == code;
}
bool of_class(const situation& s, error_class c) {
  return classify(s.error.code) == c;
}
bool lost_race(const situation& s) {
  return is(s, errc::conflict) || is(s, errc::stale);
}
bool past_hold(const situation& s) {
  return s.held_for >= s.hold_limit;
}
bool past_missing(const situation& s) {
  return s.missing_for >= s.missing_limit;
}
/// As long as an outage may look like a refusal, nothing is dead-lettered for it.
bool old_enough(const situation& s) {
  return s.held_for >= std::min<flow::duration>(std::chrono::minutes{1}, s.hold_limit);
}
bool memory_refuses(const situation& s) {
  return store_refuses(s.at, s.error.code);
}
bool refused_to_all(const situation& s) {
  return s.refused_users >= refusals_of_all && is_refusal(s);
}
bool fatal_or_transient(const situation& s) {
  return of_class(s, error_class::transient) || of_class(s, error_class::fatal);
}
bool unusable_answer(const situation& s) {
  return is_bad_answer(s.error.code);
}
bool may_call_again(const situation& s) {
  return s.calls_used < s.max_calls;
}

constexpr std::array rules{
    // --- a refusal that meets everybody is no fault of theirs ---
    verdict_rule{"refused for one user after the other, nobody passes",
                 [](const situation& s) { return refused_to_all(s) && !past_hold(s); }, action::hold,
                 "refused-for-everybody"},
    verdict_rule{"refused for one user after the other, past the hold limit",
                 [](const situation& s) { return refused_to_all(s); }, action::release,
                 "refused-for-everybody"},
    // --- what the event or the conversation is ---
    verdict_rule{"event unreadable", [](const situation& s) { return is(s, errc::invalid_event); },
                 action::dead_letter, "invalid-event"},
    verdict_rule{"another user's conversation",
                 [](const situation& s) { return is(s, errc::owner_mismatch); }, action::dead_letter,
                 "session-owner-mismatch"},
    verdict_rule{"ids the memory store cannot hold",
                 [](const situation& s) { return is(s, errc::not_storable); }, action::dead_letter,
                 "not-storable"},
    verdict_rule{
        "conversation gone, record covers the event",
        [](const situation& s) { return is(s, errc::conversation_missing) && s.record_covers_event; },
        action::complete, "covered"},
    verdict_rule{"Redis came back empty",
                 [](const situation& s) {
                   return is(s, errc::conversation_missing) && s.redis_emptied && !past_hold(s);
                 },
                 action::hold, "redis-emptied"},
    verdict_rule{"Redis came back empty, past the hold limit",
                 [](const situation& s) { return is(s, errc::conversation_missing) && s.redis_emptied; },
                 action::release, "redis-emptied"},
    verdict_rule{"conversation not there yet",
                 [](const situation& s) { return is(s, errc::conversation_missing) && !past_missing(s); },
                 action::hold, "conversation-missing"},
    verdict_rule{"conversation not found",
                 [](const situation& s) { return is(s, errc::conversation_missing); }, action::dead_letter,
                 "conversation-not-found"},
    verdict_rule{"message not there yet",
                 [](const situation& s) { return is(s, errc::message_missing) && !past_missing(s); },
                 action::hold, "message-missing"},
    verdict_rule{"message not found, but something is new",
                 [](const situation& s) { return is(s, errc::message_missing) && s.fresh_without_message; },
                 action::analyse_rest, "message-missing"},
    verdict_rule{"message not found", [](const situation& s) { return is(s, errc::message_missing); },
                 action::dead_letter, "message-not-found"},
    verdict_rule{"conversation unreadable",
                 [](const situation& s) { return is(s, errc::conversation_malformed); }, action::dead_letter,
                 "conversation-malformed"},
    verdict_rule{"conversation larger than the cap",
                 [](const situation& s) {
                   return s.at == stage::load && is(s, errc::too_large) && s.error.from == dependency::redis;
                 },
                 action::dead_letter, "conversation-too-large"},
    // --- crashes ---
    verdict_rule{"crashed the worker again and again",
                 [](const situation& s) { return is(s, errc::crashed) && s.crashes >= 3; },
                 action::dead_letter, "crashed-worker"},
    verdict_rule{"crashed the worker on its last delivery",
                 [](const situation& s) { return is(s, errc::crashed) && s.last_delivery; },
                 action::dead_letter, "crashed-worker"},
    verdict_rule{"an actor crashed in the job", [](const situation& s) { return is(s, errc::crashed); },
                 action::abandon, "crashed"},
    // --- answers of the LLM that are mended where they arise ---
    verdict_rule{
        "answer invalid, first time",
        [](const situation& s) { return is(s, errc::invalid_answer) && !s.repaired && may_call_again(s); },
        action::repair, "invalid-answer"},
    verdict_rule{
        "answer truncated, first time",
        [](const situation& s) { return is(s, errc::truncated) && !s.enlarged && may_call_again(s); },
        action::enlarge_output, "truncated"},
    verdict_rule{"truncated or too long: split",
                 [](const situation& s) {
                   return (is(s, errc::truncated) || is(s, errc::context_too_long)) && s.fresh_messages > 1 &&
                          may_call_again(s);
                 },
                 action::shorten, "too-long"},
    verdict_rule{"refused or filtered: bisect",
                 [](const situation& s) {
                   return (is(s, errc::refused) || is(s, errc::content_filtered)) && s.fresh_messages > 1 &&
                          may_call_again(s);
                 },
                 action::shorten, "bisect"},
    verdict_rule{"no usable answer to be had", [](const situation& s) { return unusable_answer(s); },
                 action::store_placeholder, "defaults"},
    verdict_rule{"budget exhausted", [](const situation& s) { return is(s, errc::budget_exhausted); },
                 action::store_placeholder, "budget"},
    // --- the memory store ---
    verdict_rule{"somebody writes first again and again, while others pass",
                 [](const situation& s) {
                   return lost_race(s) && s.healthy_for_others && s.failures >= 2 * s.max_failures &&
                          old_enough(s);
                 },
                 action::dead_letter, "dependency-rejects-this"},
    verdict_rule{"somebody writes first, past the hold limit",
                 [](const situation& s) { return lost_race(s) && past_hold(s); }, action::release,
                 "conflict"},
    verdict_rule{"somebody wrote first", [](const situation& s) { return lost_race(s); }, action::retry_now,
                 "conflict"},
    verdict_rule{"memory store refuses the document, first time",
                 [](const situation& s) { return memory_refuses(s) && s.tried < 2; }, action::hold,
                 "memory-rejected"},
    verdict_rule{"memory store refuses the document", memory_refuses, action::dead_letter, "memory-rejected"},
    // --- dependencies ---
    verdict_rule{"throttled", [](const situation& s) { return is(s, errc::throttled) && !past_hold(s); },
                 action::hold, "throttled"},
    verdict_rule{"throttled past the hold limit", [](const situation& s) { return is(s, errc::throttled); },
                 action::release, "throttled"},
    verdict_rule{"our own limit of open files",
                 [](const situation& s) { return is(s, errc::open_files) && !past_hold(s); }, action::hold,
                 "open-files"},
    verdict_rule{"our own limit of open files, past the hold limit",
                 [](const situation& s) { return is(s, errc::open_files); }, action::release, "open-files"},
    verdict_rule{"refused again and again while others pass",
                 [](const situation& s) {
                   return s.healthy_for_others && s.failures >= s.max_failures && old_enough(s);
                 },
                 action::dead_letter, "dependency-rejects-this"},
    verdict_rule{"dependency down", [](const situation& s) { return fatal_or_transient(s) && !past_hold(s); },
                 action::hold, "dependency-down"},
    verdict_rule{"dependency down past the hold limit",
                 [](const situation& s) { return fatal_or_transient(s); }, action::release,
                 "dependency-down"},
    verdict_rule{"refused for everybody past the hold limit",
                 [](const situation& s) { return !s.healthy_for_others && past_hold(s); }, action::release,
                 "rejected"},
    verdict_rule{"refused", [](const situation&) { return true; }, action::hold, "rejected"},
};

}  // namespace

std::string_view to_string(action a) {
  switch (a) {
    case action::complete:
      return "complete";
    case action::dead_letter:
      return "dead-letter";
    case action::abandon:
      return "abandon";
    case action::release:
      return "release";
    case action::hold:
      return "hold";
    case action::retry_now:
      return "retry-now";
    case action::analyse_rest:
      return "analyse-rest";
    case action::repair:
      return "repair";
    case action::enlarge_output:
      return "enlarge-output";
    case action::shorten:
      return "shorten";
    case action::store_placeholder:
      return "defaults";
  }
  return "unknown";
}

bool store_refuses(stage at, errc code) {
  return at == stage::commit && (code == errc::rejected || code == errc::too_large);
}

bool is_refusal(const situation& s) {
  return memory_refuses(s) || is(s, errc::conversation_malformed) ||
         (is(s, errc::message_missing) && past_missing(s) && !s.fresh_without_message);
}

bool is_bad_answer(errc code) {
  return std::find(bad_answers.begin(), bad_answers.end(), code) != bad_answers.end();
}

bool is_unreadable_answer(stage at, errc code) {
  return at == stage::analyse && code == errc::malformed;
}

std::span<const verdict_rule> verdict_table() {
  return rules;
}

verdict decide(const situation& s) {
  for (const auto& rule : rules)
    if (rule.matches(s)) return {rule.what, rule.reason, rule.name};
  return {action::hold, rules.back().reason, rules.back().name};
}

}  // namespace mw
