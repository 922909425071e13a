// What of a conversation is new (DESIGN 3, "Watermark" and "Which message an event means"; DESIGN 5 for
// forgotten messages). Pure: called by session_loader with the loaded conversation and the stored record's
// positions. A watermark's position decides when its message is still in the conversation; otherwise messages
// with a later timestamp are new, and equal or missing timestamps count as covered.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

struct cut_request {
  std::string_view chat_message_id;  ///< of the newest event covered by the job
  std::optional<watermark> through;  ///< stored watermark; nullopt: nothing analysed yet
  std::vector<message_span> retry;   ///< skipped spans that enter again
  std::string_view
      forgotten_before;  ///< ISO instant or empty; at or before it (or no timestamp): never again
};

struct cut {
  std::vector<size_t>
      fresh;  ///< indexes of new user and assistant messages with text, ascending (incl. retried)
  size_t through_index =
      0;  ///< index of the last message covered when `fresh` is analysed: the event's message or later
  bool user_spoke = false;   ///< at least one fresh message is the user's
  bool event_found = false;  ///< the event's message is in the conversation
  bool moved_on = false;  ///< event's message not found, but later user messages exist: analyse what is there
};

/// Index of the last message whose id equals `chat_message_id` or starts with it + '_'.
std::optional<size_t> find_event_message(const conversation& c, std::string_view chat_message_id);

/// All messages up to the conversation's end are taken (a newer event of the window may not have arrived
/// yet).
cut cut_new(const conversation& c, const cut_request& request);

/// Whether `stored` lies at or after `position` in this conversation (same rule as above; used for coverage).
bool covers(const conversation& c, const watermark& stored, const watermark& position);

}  // namespace mw::chat
