#include "protocol/chat/event.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/chat/json_document.hpp"
#include "protocol/chat/message_reading.hpp"

namespace mw::chat {
namespace {

constexpr size_t max_id_bytes = 512;
constexpr std::string_view event_type = "message_completed";

failure invalid(std::string detail) {
  return fail(errc::invalid_event, std::move(detail));
}

struct id_field {
  const char* name;
  std::string completed_event::*target;
  bool seen = false;
};

/// Empty, or what is wrong with this id.
std::string read_id(id_field& field, const simdjson::dom::element& e, completed_event& out) {
  std::string_view text;
  if (e.get(text) != simdjson::SUCCESS) return std::string{field.name} + " is not a string";
  if (text.empty()) return std::string{field.name} + " is empty";
  if (text.size() > max_id_bytes) return std::string{field.name} + " is longer than 512 bytes";
  out.*field.target = text;
  field.seen = true;
  return {};
}

}  // namespace

result<completed_event> parse_event(std::string_view body, const naive_zone& zone) {
  const json_document doc{body};
  if (doc.error()) return invalid(std::string{"body is not JSON: "} + doc.error());
  simdjson::dom::object object;
  if (doc.root().get(object) != simdjson::SUCCESS) return invalid("body is JSON, but not an object");

  completed_event out;
  id_field ids[] = {{"sessionId", &completed_event::session_id},
                    {"userId", &completed_event::user_id},
                    {"chatMessageId", &completed_event::chat_message_id}};
  // The last of several equal keys counts, as in the chat application's own parser.
  for (const auto field : object) {
    for (auto& id : ids) {
      if (field.key != id.name) continue;
      if (auto wrong = read_id(id, field.value, out); !wrong.empty()) return invalid(std::move(wrong));
    }
    if (field.key == "completedAt") out.completed_at = read_time(field.value, zone).at();
    if (field.key == "eventType" && text_or_empty(field.value) != event_type)
      return invalid("eventType is not \"message_completed\"");
  }
  for (const auto& id : ids)
    if (!id.seen) return invalid(std::string{id.name} + " is missing");
  return out;
}

std::string write_event(const completed_event& event) {
  std::string out;
  out.reserve(192 + event.session_id.size() + event.user_id.size() + event.chat_message_id.size());
  json_writer json{out};
  json.begin_object()
      .field("sessionId", event.session_id)
      .field("userId", event.user_id)
      .field("chatMessageId", event.chat_message_id);
  if (event.completed_at) json.field("completedAt", format_iso_time(*event.completed_at));
  json.field("eventType", event_type).end_object();
  return out;
}

}  // namespace mw::chat
