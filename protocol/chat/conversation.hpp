// A conversation as the chat application keeps it in Redis under `session:{sessionId}` (DESIGN 8,
// "Conversation"). Reading is tolerant: unknown fields are ignored; content may be a string, null, or an
// array of
// {"type":"text","text"} parts (joined by a newline, other part types ignored). The order of messages is the
// truth.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/iso_time.hpp"
#include "protocol/errors.hpp"

namespace mw::chat {

enum class role : uint8_t { system, user, assistant, tool };

struct message {
  std::string id;
  role from = role::user;
  std::string content;
  std::string timestamp;  ///< as stored; may be empty
};

struct conversation {
  std::string session_id;
  std::string user_id;
  std::string title;  ///< empty where null
  std::optional<wall_time> last_activity;
  std::vector<message> messages;
};

std::string redis_key(std::string_view session_id);

/// errc::conversation_malformed: not JSON, nested deeper than simdjson reads, no userId, messages absent or
/// not an array, a message that is not an object or has an unknown role. detail names the place, never the
/// text.
result<conversation> parse_conversation(std::string_view json);

}  // namespace mw::chat
