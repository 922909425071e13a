// A conversation as the chat application keeps it in Redis under `session:{sessionId}` (docs/design.md 8,
// "Conversation"). Reading is tolerant (message_reading.cpp has the shapes and names that chats use): unknown
// fields are ignored, and a message that cannot be read is kept without text, with the reason, so that it
// costs neither the conversation nor the places of the others. The order of messages is the truth; of several
// equal keys in one object the last counts (as in the application's own parser).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"
#include "protocol/base/iso_time.hpp"
#include "protocol/chat/timestamp.hpp"

namespace mw::chat {

enum class role : uint8_t { system, user, assistant, tool, other };

/// Why a message says nothing to us.
enum class unread : uint8_t {
  no,            ///< it can be read
  shape,         ///< it is not an object
  unknown_role,  ///< nobody we know said it
  content,       ///< what it says has no shape that we know
};
inline constexpr size_t unread_causes = 3;  ///< without `no`
std::string_view to_string(unread why);

struct message {
  std::string id;
  role from = role::user;
  std::string content;
  chat::timestamp timestamp;
  unread why = unread::no;
};

struct conversation {
  std::string session_id;
  std::string user_id;
  std::string title;  ///< empty where null
  std::optional<wall_time> last_activity;
  std::vector<message> messages;
  std::optional<wall_time> created_at;
};

std::string_view to_string(role r);
/// In any letter case, with the names that frameworks use ("human", "ai", "model", "developer", "function",
/// ...).
std::optional<role> role_from(std::string_view name);

/// "session:{sessionId}"
std::string redis_key(std::string_view session_id);

/// errc::conversation_malformed: not JSON, nested deeper than 1,000 levels, no userId, messages absent or not
/// an array. detail names the place, never the text. A message without an id gets one made of what it says
/// and when ("unnamed-..."), the same whenever it is read, so that its place can be told again. Times without
/// a zone are `zone`'s.
result<conversation> parse_conversation(std::string_view json, const naive_zone& zone = {});

/// The document as the chat application stores it (made by the devstack's publisher): an empty title is null,
/// createdAt and lastActivity are left out where unknown.
std::string write_conversation(const conversation& c);

}  // namespace mw::chat
