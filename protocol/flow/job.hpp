// A job: one analysis of one conversation, on behalf of one delivery. These are the plain values that
// dispatcher, stages and the pure dispatch policy exchange; protocol/messages.hpp makes them CAF messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string_view>

#include "protocol/base/errors.hpp"
#include "protocol/base/event_ids.hpp"

namespace mw::flow {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = clock::duration;

enum class stage : uint8_t { intake, load, analyse, commit };
std::string_view to_string(stage s);

/// Of two deliveries of one conversation: whether the first is the newer. By the broker's clock, where it was
/// read, since a bus that was made anew numbers from the start again; else, and between equals, by number.
constexpr bool is_newer(int64_t enqueued_ms, int64_t number, int64_t than_enqueued_ms, int64_t than_number) {
  const bool known = enqueued_ms != 0 && than_enqueued_ms != 0;
  if (known && enqueued_ms != than_enqueued_ms) return enqueued_ms > than_enqueued_ms;
  return number > than_number;
}

/// Sequence number of what is no delivery any more: there is nothing to settle.
inline constexpr int64_t no_delivery = std::numeric_limits<int64_t>::min();

/// What a stage needs to know of a job.
struct job_spec {
  uint64_t id = 0;
  uint32_t attempt = 0;         ///< answers of an older attempt are ignored
  int64_t sequence_number = 0;  ///< of the delivery it runs for
  uint32_t delivery_count = 0;
  event_ids ids;
  int64_t completed_at_ms = 0;      ///< epoch ms of the newest event; 0 unknown
  int64_t enqueued_ms = 0;          ///< when the broker took the newest event: epoch ms; 0 unknown
  bool may_postpone = false;        ///< the window may still be re-opened when the conversation is not quiet
  uint32_t calls_used = 0;          ///< LLM calls this delivery has cost so far (bisecting is bounded by it)
  uint32_t max_fresh_messages = 0;  ///< analyse at most so many fresh messages; 0: all
  /// The event's message is waited for no longer: what is new without it is analysed.
  bool message_given_up = false;
  bool mark_refused = false;  ///< the store refused its commit before, and others' it takes: mark the record
};

enum class job_end : uint8_t {
  committed,  ///< analysis stored, the event's message is covered
  partial,    ///< a part is stored, the watermark moved; the rest follows in another round
  covered,    ///< nothing new from the user, or the watermark covers it: no LLM call was needed
  forgotten,  ///< another epoch: dropped on purpose
  postponed,  ///< the conversation is not quiet yet, or another replica works on it
  failed,     ///< `error` at `at`
};
std::string_view to_string(job_end e);

struct job_result {
  uint64_t id = 0;
  uint32_t attempt = 0;
  job_end end = job_end::failed;
  stage at = stage::load;
  failure error;
  uint32_t calls_used = 0;
  uint32_t max_fresh_messages = 0;
  int64_t postpone_ms = 0;           ///< postponed: not before so many ms
  bool record_covers_event = false;  ///< conversation missing: the record's time is at or after the event
  bool redis_looks_emptied =
      false;  ///< conversation missing and Redis looks emptied (run id changed, many in a row)
  bool fresh_without_message = false;  ///< message missing: but something of the user's is new
};

/// Which dependency a stage's failure is about, when the failure itself does not say.
dependency dependency_of(stage s);

}  // namespace mw::flow
