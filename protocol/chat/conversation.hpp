// A conversation as the chat application keeps it in Redis under `session:{sessionId}` (DESIGN 8,
// "Conversation"). Reading is tolerant: unknown fields are ignored; content may be a string, null, or an
// array of
// {"type":"text","text"} parts (joined by a newline, other part types ignored). The order of messages is the
// truth; of several equal keys in one object the last counts (as in the application's own parser).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/iso_time.hpp"
#include "protocol/chat/timestamp.hpp"
#include "protocol/errors.hpp"

namespace mw::chat {

enum class role : uint8_t { system, user, assistant, tool };

struct message {
  std::string id;
  role from = role::user;
  std::string content;
  chat::timestamp timestamp;
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
/// "system" | "user" | "assistant" | "tool"; also "developer" (system) and "function" (tool).
std::optional<role> role_from(std::string_view name);

/// "session:{sessionId}"
std::string redis_key(std::string_view session_id);

/// errc::conversation_malformed: not JSON, nested deeper than 1,024 levels, no userId, messages absent or
/// not an array, a message that is not an object or has an unknown role. detail names the place, never the
/// text. A message without timestamp has an empty one; one without messageId gets an id made of what it says
/// and when ("unnamed-..."), the same whenever it is read, so that its place can be told again.
result<conversation> parse_conversation(std::string_view json);

/// The document as the chat application stores it (made by the devstack's publisher): an empty title is null,
/// createdAt and lastActivity are left out where unknown.
std::string write_conversation(const conversation& c);

}  // namespace mw::chat
