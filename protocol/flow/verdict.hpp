// The verdict table (docs/design.md 6): what is done with a delivery when something went wrong, as one pure
// function over one table; first match wins, tests/unit/flow/verdict_test.cpp has a test per row. The
// dispatcher asks it for every failed job; llm_analyzer asks it for the answers it can mend itself (repair,
// enlarge, shorten, store a placeholder).
#pragma once

#include <span>
#include <string_view>

#include "protocol/flow/job.hpp"

namespace mw {

enum class action : uint8_t {
  complete,           ///< settle as done
  dead_letter,        ///< settle with `reason` and the failure's detail
  abandon,            ///< give back, the broker counts it
  release,            ///< give back, uncounted
  hold,               ///< keep under renewed lock, try again after `delay`
  retry_now,          ///< load anew at once
  analyse_rest,       ///< load anew at once, without waiting for the event's message any longer
  repair,             ///< one more LLM call that shows the invalid answer
  enlarge_output,     ///< one more LLM call with a larger output limit
  shorten,            ///< analyse the first half, commit, go on with the rest
  store_placeholder,  ///< commit defaults, record the span as skipped
};
std::string_view to_string(action a);

struct situation {
  flow::stage at = flow::stage::load;
  failure error;
  uint32_t failures = 0;  ///< of this delivery for the same cause while others passed, this one included
  uint32_t max_failures = 5;
  bool healthy_for_others = false;  ///< another job, begun since this one failed last, passed this stage
  flow::duration held_for{};        ///< since the job first could not go on
  flow::duration hold_limit{};
  flow::duration missing_for{};  ///< since the conversation or message was first not found
  flow::duration missing_limit{};
  bool record_covers_event = false;
  bool fresh_without_message = false;  ///< the message is missing, but something of the user's is new
  bool redis_emptied = false;          ///< run id changed, or several conversations in a row are gone
  uint32_t tried = 1;  ///< failures of this delivery for the same cause in a row, this one included
  uint32_t refused_users =
      0;                 ///< distinct users this stage refused since it passed anybody, this one included
  uint32_t crashes = 0;  ///< of actors in this delivery's handler, this one included
  bool last_delivery = false;  ///< given back with a count, the broker itself would dead-letter it
  // --- only asked by llm_analyzer ---
  bool repaired = false;
  bool enlarged = false;
  uint32_t fresh_messages = 0;  ///< in the call that failed
  uint32_t calls_used = 0;
  uint32_t max_calls = 8;
};

struct verdict {
  action what = action::hold;
  std::string_view reason;  ///< dead-letter reason, or why
  std::string_view rule;    ///< the row's name, for logs and metrics
};

/// One of bad_answers (protocol/base/skip_reasons.hpp).
bool is_bad_answer(errc code);
/// The LLM answered, paid for, and it cannot even be read: the next answer will hardly be better.
bool is_unreadable_answer(flow::stage at, errc code);

struct verdict_rule {
  std::string_view name;
  bool (*matches)(const situation&);
  action what;
  std::string_view reason;
};

/// Whether this failure is the memory store's refusal of what a commit holds.
bool store_refuses(flow::stage at, errc code);

/// Whether a stage refuses this conversation for what it holds. So many users in a row, and it is not about
/// them.
bool is_refusal(const situation& s);
inline constexpr uint32_t refusals_of_all = 5;

std::span<const verdict_rule> verdict_table();
verdict decide(const situation& s);

}  // namespace mw
