#include "protocol/chat/conversation.hpp"

#include <fmt/format.h>

#include <unordered_map>

#include "protocol/base/fnv.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/chat/json_document.hpp"

namespace mw::chat {
namespace {

failure malformed(std::string detail) {
  return fail(dependency::redis, errc::conversation_malformed, std::move(detail));
}

/// The "text" of a {"type":"text","text"} part; empty for every other part.
std::string_view part_text(const simdjson::dom::element& part) {
  simdjson::dom::object object;
  if (part.get(object) != simdjson::SUCCESS) return {};
  std::string_view type;
  std::string_view text;
  for (const auto field : object) {
    if (field.key == "type") type = text_or_empty(field.value);
    if (field.key == "text") text = text_or_empty(field.value);
  }
  return type == "text" ? text : std::string_view{};
}

std::string read_content(const simdjson::dom::element& e) {
  simdjson::dom::array parts;
  if (e.get(parts) != simdjson::SUCCESS) return std::string{text_or_empty(e)};
  std::string out;
  for (const auto part : parts) {
    const auto text = part_text(part);
    if (text.empty()) continue;
    if (!out.empty()) out.push_back('\n');
    out.append(text);
  }
  return out;
}

/// nullptr, or what is wrong with this message.
const char* read_message(const simdjson::dom::element& e, message& out) {
  simdjson::dom::object object;
  if (e.get(object) != simdjson::SUCCESS) return "is not an object";
  std::optional<role> from;
  for (const auto field : object) {
    if (field.key == "messageId") {
      out.id = text_or_empty(field.value);
    } else if (field.key == "role") {
      from = role_from(text_or_empty(field.value));
    } else if (field.key == "content") {
      out.content = read_content(field.value);
    } else if (field.key == "timestamp") {
      out.timestamp = text_or_empty(field.value);
    }
  }
  if (!from) return "has no known role";
  out.from = *from;
  return nullptr;
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

/// Empty, or what is wrong.
std::string read_messages(const simdjson::dom::array& array, std::vector<message>& out) {
  out.clear();
  out.reserve(array.size());
  size_t index = 0;
  for (const auto element : array) {
    if (const char* wrong = read_message(element, out.emplace_back()))
      return fmt::format("messages[{}] {}", index, wrong);
    ++index;
  }
  name_unnamed(out);
  return {};
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
  }
  return "unknown";
}

std::optional<role> role_from(std::string_view name) {
  if (name == "user") return role::user;
  if (name == "assistant") return role::assistant;
  if (name == "system" || name == "developer") return role::system;
  if (name == "tool" || name == "function") return role::tool;
  return std::nullopt;
}

std::string redis_key(std::string_view session_id) {
  return fmt::format("session:{}", session_id);
}

result<conversation> parse_conversation(std::string_view json) {
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
      out.created_at = parse_iso_time(text_or_empty(field.value));
    } else if (field.key == "lastActivity") {
      out.last_activity = parse_iso_time(text_or_empty(field.value));
    } else if (field.key == "messages") {
      simdjson::dom::array array;
      if (field.value.get(array) != simdjson::SUCCESS) return malformed("messages is not an array");
      if (auto wrong = read_messages(array, out.messages); !wrong.empty()) return malformed(std::move(wrong));
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
