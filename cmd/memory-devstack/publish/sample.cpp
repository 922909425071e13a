#include "cmd/memory-devstack/publish/sample.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include "protocol/base/json_writer.hpp"
#include "protocol/chat/event.hpp"

namespace mw::publish {
namespace {

using simdjson::dom::object;

constexpr std::string_view default_system_text = "You are a helpful assistant.";

failure bad_sample(std::string detail) {
  return fail(errc::misconfigured, std::move(detail));
}

status read_text(const object& o, const char* name, std::string& out) {
  std::string_view text;
  if (o[name].get(text) != simdjson::SUCCESS || text.empty())
    return bad_sample(fmt::format("{} must be a text", name));
  out = text;
  return ok;
}

/// Puts one message where its role says; `expect_user` is whose turn it is.
status take_message(const object& o, size_t index, sample& s, bool& expect_user) {
  std::string role;
  std::string text;
  if (const auto r = read_text(o, "role", role); !r)
    return bad_sample(fmt::format("messages[{}].{}", index, r.error().detail));
  if (const auto r = read_text(o, "text", text); !r)
    return bad_sample(fmt::format("messages[{}].{}", index, r.error().detail));
  if (role == "system" && index == 0) {
    s.system_text = std::move(text);
    return ok;
  }
  const std::string_view expected = expect_user ? "user" : "assistant";
  if (role != expected)
    return bad_sample(
        fmt::format("messages[{}].role must be {}, users and assistants take turns", index, expected));
  if (expect_user) {
    s.turns.push_back({std::move(text), {}});
  } else {
    s.turns.back().assistant_text = std::move(text);
  }
  expect_user = !expect_user;
  return ok;
}

class message_list {
 public:
  explicit message_list(json_writer& w) : w_(w) {}
  void add(const stamp& when, std::string_view role, std::string_view text) {
    w_.begin_object()
        .field("messageId", fmt::format("{}_{}", when.chat_message_id, role))
        .field("role", role);
    w_.field("content", text).field("timestamp", format_iso_time(when.at)).end_object();
  }

 private:
  json_writer& w_;
};

}  // namespace

result<sample> parse_sample(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  object o;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
      root.get(o) != simdjson::SUCCESS)
    return bad_sample("not a JSON object");
  sample s;
  if (const auto r = read_text(o, "userId", s.user_id); !r) return r.error();
  if (const auto r = read_text(o, "sessionId", s.session_id); !r) return r.error();
  std::string_view title;
  if (o["title"].get(title) == simdjson::SUCCESS) s.title = title;
  s.system_text = default_system_text;
  simdjson::dom::array messages;
  if (o["messages"].get(messages) != simdjson::SUCCESS) return bad_sample("messages must be an array");
  bool expect_user = true;
  size_t index = 0;
  for (const auto m : messages) {
    object message;
    if (m.get(message) != simdjson::SUCCESS)
      return bad_sample(fmt::format("messages[{}] must be an object", index));
    if (const auto r = take_message(message, index++, s, expect_user); !r) return r.error();
  }
  if (s.turns.empty() || !expect_user) return bad_sample("messages must end with one of the assistant");
  return s;
}

std::string conversation_json(const sample& s, const std::vector<stamp>& stamps) {
  std::string out;
  json_writer w{out};
  w.begin_object().field("sessionId", s.session_id).field("userId", s.user_id);
  w.field("createdAt", format_iso_time(stamps.front().at)).key("title");
  if (s.title.empty()) {
    w.null();
  } else {
    w.value(s.title);
  }
  w.field("lastActivity", format_iso_time(stamps.back().at)).key("messages").begin_array();
  message_list list{w};
  list.add(stamps.front(), "system", s.system_text);
  for (size_t i = 0; i < stamps.size() && i < s.turns.size(); ++i) {
    list.add(stamps[i], "user", s.turns[i].user_text);
    list.add(stamps[i], "assistant", s.turns[i].assistant_text);
  }
  w.end_array().end_object();
  return out;
}

bus_message completed_message(const sample& s, const stamp& last) {
  chat::completed_event event;
  event.session_id = s.session_id;
  event.user_id = s.user_id;
  event.chat_message_id = last.chat_message_id;
  event.completed_at = last.at;
  return {last.chat_message_id + "_completed", s.session_id, chat::write_event(event)};
}

}  // namespace mw::publish
