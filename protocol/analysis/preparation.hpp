// From what was loaded to what the LLM is asked, pure (docs/design.md 3, 6). session_loader calls prepare()
// with the conversation, both stored documents and the job; the answer says whether there is work, and which
// messages it is. A loaded_conversation holds values only and outlives the raw conversation, which is freed
// after it. What was skipped for want of budget is as good as new. What was refused is asked about again
// alone, a span a round, after the new messages: neither is charged for the other.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/analysis/prompt_room.hpp"
#include "protocol/base/iso_time.hpp"
#include "protocol/chat/conversation.hpp"
#include "protocol/flow/job.hpp"
#include "protocol/llm/analyst.hpp"
#include "protocol/memory/store.hpp"

namespace mw::analysis {

/// One message of the span: one of `messages` (its place there; the position is that one's), or a message
/// that is not analysed (a tool's, an empty one).
struct span_part {
  static constexpr uint32_t not_analysed = UINT32_MAX;
  uint32_t message = not_analysed;
  memory::watermark position;
};

/// Everything the analysis and its commit need. `messages` are the fresh ones, at least one of them the
/// user's; `previous_summary` is empty where there is none worth keeping.
struct loaded_conversation : llm::analysis_input {
  bool profile_existed = false;
  uint64_t epoch = 0;
  std::string forgotten_before;  ///< of this session at load; empty: nothing was forgotten
  std::string unsaid;            ///< memory::unsaid_at() of this session at load
  /// The summary is made anew: `messages` begin with what was analysed before, which is not in `span`.
  bool anew = false;
  std::optional<memory::watermark> anew_to;   ///< `messages` end before `base`: the rest follows
  std::optional<memory::watermark> base;      ///< stored watermark; nullopt: there is no record
  memory::watermark through;                  ///< where the watermark goes when `messages` are analysed
  std::vector<span_part> span;                ///< messages after base up to and including through
  std::vector<memory::skipped_span> retried;  ///< formerly skipped spans that begin among `messages`
  std::vector<memory::skipped_span> left;     ///< what of these lies behind `messages`: stays recorded
  std::vector<memory::skipped_span>
      expired;  ///< formerly skipped, and no message of the user's is left of it
  /// Places in `messages` before which the conversation has some that are not among them.
  std::vector<uint32_t> breaks;
  bool retry_alone = false;  ///< `messages` are of one formerly refused span, and nothing else
  bool cut_short = false;    ///< not all that was to be asked: the rest follows
  bool covers_event = true;  ///< false: another round follows
};

struct prepare_request {
  chat::conversation& conversation;  ///< its texts are moved out where there is work
  const memory::context& stored;
  const flow::job_spec& job;
  uint32_t max_tokens =
      24'000;  ///< estimated tokens of the messages in one call; at least one message is taken
  wall_time now{};
  std::chrono::milliseconds
      quiet{};  ///< postpone when the conversation's lastActivity is younger (only if may_postpone)
};

/// Exactly one of: work (`conversation` set), or `end` says why there is none (covered, postponed, failed).
struct preparation {
  std::optional<loaded_conversation> conversation;
  flow::job_result end;
  bool message_missing_but_moved_on = false;  ///< to be counted
  /// New messages of the user that are left out, since nothing shows that they came after a wish to be
  /// forgotten: to be counted and logged.
  size_t of_unknown_time = 0;
  /// New messages that cannot be read, as in chat::cut: to be counted and logged.
  std::array<uint32_t, chat::unread_causes> unreadable{};
  shortened_counts shortened{};  ///< what did not go into the prompt whole: to be counted and logged
};

preparation prepare(const prepare_request& r);

/// The positions of the span's messages; the second takes them out of `c`.
std::vector<memory::watermark> span_positions(const loaded_conversation& c);
std::vector<memory::watermark> span_positions(loaded_conversation&& c);

/// The job's end where it has to wait for something else than itself.
flow::job_result postpone(const flow::job_spec& job, std::chrono::milliseconds wait);

/// The conversation is not in Redis: does the stored record already cover the event?
bool record_covers_event(const memory::context& stored, const flow::job_spec& job);

/// The first `count` fresh messages only: the watermark stops there, the event is not covered.
loaded_conversation first_messages(const loaded_conversation& c, size_t count);

}  // namespace mw::analysis
