// One message of a stored conversation, in the shapes that chats and their frameworks write. Called by
// parse_conversation; pure, never fails: what cannot be read is said in message::why.
//   id        messageId, message_id, id: text or a number
//   role      role, author.role, sender, type, from (role_from has the names)
//   content   content, parts, text, value, message: text; parts {type, text} of the types text, input_text,
//             output_text and without a type, with text as a string or {value}; plain strings in a list; one
//             part without a list; parts of other types (pictures, tool calls) say nothing and are no fault
//   time      timestamp, createdAt, created_at, create_time, time, date (written_time.hpp)
//   data, kwargs (LangChain): an object that holds the fields above
// The first of these names that says something counts.
#pragma once

#include "protocol/base/json_parser.hpp"
#include "protocol/chat/conversation.hpp"

namespace mw::chat {

void read_message(const simdjson::dom::element& e, const naive_zone& zone, message& out);

/// Text, a number since 1970, {"$date"}, {"seconds", "nanos"}; empty where it is none of these.
timestamp read_time(const simdjson::dom::element& e, const naive_zone& zone);

}  // namespace mw::chat
