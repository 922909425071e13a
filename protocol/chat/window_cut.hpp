// What of a conversation is new (docs/design.md 3, "Watermark" and "Which message an event means";
// docs/design.md 5 for forgotten messages). Pure: called by session_loader with the loaded conversation and
// the stored record's positions. A watermark's position decides when its message is still in the
// conversation; otherwise messages with a later timestamp are new. One without a readable time is where the
// list has it: behind a covered one it is new. Where all have one time, or the watermark's lies days ahead,
// times decide nothing, and all is new: what was applied already is known by its evidence. Message ids are
// compared as bytes, an empty id is never found.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/chat/clocks.hpp"
#include "protocol/chat/conversation.hpp"

namespace mw::chat {

/// The last analysed message of a session.
struct watermark {
  std::string id;
  std::string timestamp;
  bool operator==(const watermark&) const = default;
};

/// An inclusive range of messages that an earlier analysis had to skip and that is to be tried again.
struct message_span {
  watermark from;
  watermark to;
};

/// A wish to be forgotten (docs/design.md 5). What was said before it is never fresh:
/// - nothing at all for an event that was enqueued by then;
/// - what lies up to `through`, the position at the wish;
/// - what says of itself that it was said by then (clocks::said);
/// - without a readable time, or with one later than the event came, or too coarse to tell: what lies before
/// such a message, and where no
///   watermark of a time after the wish shows the place, all but the event's own exchange.
struct wish {
  std::string_view before;           ///< ISO instant; empty: none; unreadable: nothing is fresh
  std::optional<watermark> through;  ///< of this session
};

struct cut_request {
  clocks clock;                      ///< of the newest event covered by the job
  std::optional<watermark> through;  ///< stored watermark; nullopt: nothing analysed yet
  std::vector<message_span> retry;   ///< skipped spans that enter again
  wish forgotten;
  bool only_retry = false;         ///< what is new is left out
  std::vector<bool> left_out;      ///< by message: an item was forgotten that it tells; empty: none is
  std::optional<watermark> anew;   ///< what lies behind it (an empty id: all) up to `through` enters again
  std::vector<message_span> kept;  ///< but not these spans
};

struct cut {
  /// Indexes of new user and assistant messages with text, ascending (incl. retried).
  std::vector<size_t> fresh;
  /// Places in `fresh` before which messages lie that are analysed already, or not to be.
  std::vector<size_t> breaks;
  /// Messages with text in the spans to retry, forgotten ones and those left out, too.
  size_t retry_seen = 0;
  /// The user's new messages that are left out because nothing shows that they came after the wish.
  size_t of_unknown_time = 0;
  /// New messages that cannot be read, by cause (the first is unread::shape).
  std::array<uint32_t, unread_causes> unreadable{};
  /// Index of the last message covered when `fresh` is analysed: the conversation's last. 0 where the
  /// conversation is empty.
  size_t through_index = 0;
  bool user_spoke = false;   ///< at least one fresh message is the user's
  bool event_found = false;  ///< the event's message is in the conversation
  /// The event's message is not there, but the user has written since completed_at: analyse what is there,
  /// waiting for the message is in vain. Where completed_at is unknown nothing says so.
  bool moved_on = false;
  /// through_index lies beyond the stored watermark. False: only retried messages (or nothing) are fresh, the
  /// watermark must stay where it is.
  bool advances = false;
};

/// Index of the last message whose id equals `chat_message_id` or starts with it + '_'.
std::optional<size_t> find_event_message(const conversation& c, std::string_view chat_message_id);

/// For each message the watermark that says "analysed up to and including this one", in one pass. Where a
/// message has no readable timestamp, the latest one before it is taken, or where there is none `unreadable`,
/// so that a trimmed conversation stays decidable. Moves ids and timestamps out of the conversation: they are
/// gone afterwards.
std::vector<watermark> take_watermarks(conversation& c, wall_time unreadable);

/// Index of the first of the messages at the conversation's end that all lie beyond `base`; 0 without a base.
size_t first_beyond(const conversation& c, const std::optional<watermark>& base, const clocks& clock);

/// All messages up to the conversation's end are taken (a newer event of the window may not have arrived
/// yet).
cut cut_new(const conversation& c, const cut_request& request);

}  // namespace mw::chat
