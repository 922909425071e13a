// What of a conversation is new (DESIGN 3, "Watermark" and "Which message an event means"; DESIGN 5 for
// forgotten messages). Pure: called by session_loader with the loaded conversation and the stored record's
// positions. A watermark's position decides when its message is still in the conversation; otherwise messages
// with a later timestamp are new, and equal or missing timestamps count as covered. Timestamps are compared
// as instants; an unreadable one counts as missing. Message ids are compared as bytes, an empty id is never
// found.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/chat/conversation.hpp"

namespace mw::chat {

/// Added to forgotten_before: how far the clocks of the chat application and of the forgetting side may
/// differ.
inline constexpr std::chrono::minutes forget_skew{2};

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

struct cut_request {
  std::string_view chat_message_id;   ///< of the newest event covered by the job
  std::optional<watermark> through;   ///< stored watermark; nullopt: nothing analysed yet
  std::vector<message_span> retry;    ///< skipped spans that enter again
  std::string_view forgotten_before;  ///< ISO instant or empty; messages up to it plus forget_skew, and those
                                      ///< without timestamp, are never fresh; unreadable: nothing is fresh
  bool only_retry = false;            ///< what is new is left out
  std::optional<wall_time>
      completed_at;  ///< the event's; tells which messages came later (see cut::moved_on)
};

struct cut {
  /// Indexes of new user and assistant messages with text, ascending (incl. retried).
  std::vector<size_t> fresh;
  /// Places in `fresh` before which messages lie that are analysed already, or not to be.
  std::vector<size_t> breaks;
  /// Messages with text in the spans to retry, forgotten ones too.
  size_t retry_seen = 0;
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
/// message has no readable timestamp, the latest one before it is taken, so that a trimmed conversation stays
/// decidable. Moves ids and timestamps out of the conversation: they are gone afterwards.
std::vector<watermark> take_watermarks(conversation& c);

/// Index of the first of the messages at the conversation's end that all lie beyond `base`; 0 without a base.
size_t first_beyond(const conversation& c, const std::optional<watermark>& base);

/// All messages up to the conversation's end are taken (a newer event of the window may not have arrived
/// yet).
cut cut_new(const conversation& c, const cut_request& request);

}  // namespace mw::chat
