#include "protocol/chat/conversation.hpp"

#include <fmt/format.h>

#include <unordered_map>

#include "protocol/base/fnv.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/chat/json_document.hpp"
#include "protocol/chat/message_reading.hpp"

namespace mw::chat {
namespace {

failure malformed(std::string detail) {
  return fail(dependency::redis, errc::conversation_malformed, std::move(detail));
}

uint64_t fingerprint(const message& m) {
  uint64_t hash = fnv_start;
  for (const std::string_view part :
       {to_string(m.from), std::string_view{m.timestamp.text()}, std::string_view{m.content}})
    hash = fnv1a("\xff", fnv1a(part, hash));  // no part ends in the next one
  return hash;
}

/// Of several that are the same in everything each has a number of its own.
void name_unnamed(std::vector<message>& messages) {
  std::unordered_map<uint64_t, size_t> seen;
  for (auto& m : messages) {
    if (!m.id.empty()) continue;
    const uint64_t print = fingerprint(m);
    m.id = fmt::format("unnamed-{:016x}-{}", print, ++seen[print]);
  }
}

void read_messages(const simdjson::dom::array& array, const naive_zone& zone, std::vector<message>& out) {
  out.clear();
  out.reserve(array.size());
  for (const auto element : array) read_message(element, zone, out.emplace_back());
  name_unnamed(out);
}

}  // namespace

std::string_view to_string(role r) {
  switch (r) {
    case role::system:
      return "system";
    case role::user:
      return "user";
    case role::assistant:
      return "assistant";
    case role::tool:
      return "tool";
    case role::other:
      break;
  }
  return "unknown";
}

std::string_view to_string(unread why) {
  switch (why) {
    case unread::no:
      return "no";
    case unread::shape:
      return "shape";
    case unread::unknown_role:
      return "unknown-role";
    case unread::content:
      return "content";
  }
  return "unknown";
}

std::string redis_key(std::string_view session_id) {
  return fmt::format("session:{}", session_id);
}

result<conversation> parse_conversation(std::string_view json, const naive_zone& zone) {
  const json_document doc{json};
  if (doc.error()) return malformed(std::string{"not readable as JSON: "} + doc.error());
  simdjson::dom::object object;
  if (doc.root().get(object) != simdjson::SUCCESS) return malformed("JSON, but not an object");

  conversation out;
  bool has_messages = false;
  for (const auto field : object) {
    if (field.key == "sessionId") {
      out.session_id = text_or_empty(field.value);
    } else if (field.key == "userId") {
      out.user_id = text_or_empty(field.value);
    } else if (field.key == "title") {
      out.title = text_or_empty(field.value);
    } else if (field.key == "createdAt") {
      out.created_at = read_time(field.value, zone).at();
    } else if (field.key == "lastActivity") {
      out.last_activity = read_time(field.value, zone).at();
    } else if (field.key == "messages") {
      simdjson::dom::array array;
      if (field.value.get(array) != simdjson::SUCCESS) return malformed("messages is not an array");
      read_messages(array, zone, out.messages);
      has_messages = true;
    }
  }
  if (out.user_id.empty()) return malformed("userId is missing, empty or not a string");
  if (!has_messages) return malformed("messages is missing");
  return out;
}

std::string write_conversation(const conversation& c) {
  std::string out;
  size_t bytes = 256;
  for (const auto& m : c.messages) bytes += 128 + m.id.size() + m.content.size();
  out.reserve(bytes);
  json_writer json{out};
  json.begin_object().field("sessionId", c.session_id).field("userId", c.user_id);
  if (c.created_at) json.field("createdAt", format_iso_time(*c.created_at));
  json.key("title");
  if (c.title.empty())
    json.null();
  else
    json.value(c.title);
  if (c.last_activity) json.field("lastActivity", format_iso_time(*c.last_activity));
  json.key("messages").begin_array();
  for (const auto& m : c.messages)
    json.begin_object()
        .field("messageId", m.id)
        .field("role", to_string(m.from))
        .field("content", m.content)
        .field("timestamp", m.timestamp.text())
        .end_object();
  json.end_array().end_object();
  return out;
}

}  // namespace mw::chat
