#include "protocol/chat/message_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/base/ascii.hpp"
#include "protocol/chat/json_document.hpp"

namespace mw::chat {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr int deepest = 4;

constexpr std::array<std::pair<std::string_view, role>, 18> role_names{{
    {"user", role::user},
    {"assistant", role::assistant},
    {"system", role::system},
    {"tool", role::tool},
    {"human", role::user},
    {"ai", role::assistant},
    {"model", role::assistant},
    {"bot", role::assistant},
    {"gpt", role::assistant},
    {"agent", role::assistant},
    {"chatbot", role::assistant},
    {"humanmessage", role::user},
    {"aimessage", role::assistant},
    {"systemmessage", role::system},
    {"toolmessage", role::tool},
    {"developer", role::system},
    {"function", role::tool},
    {"tool_result", role::tool},
}};

constexpr std::array<std::string_view, 3> id_names{"messageId", "message_id", "id"};
constexpr std::array<std::string_view, 4> role_fields{"role", "sender", "type", "from"};
constexpr std::array<std::string_view, 4> content_fields{"content", "text", "value", "message"};
constexpr std::array<std::string_view, 1> parts_names{"parts"};
constexpr std::array<std::string_view, 4> part_fields{"text", "content", "value", "parts"};
constexpr std::array<std::string_view, 6> time_fields{"timestamp",   "createdAt", "created_at",
                                                      "create_time", "time",      "date"};

/// Place of the name among them, or N.
template <size_t N>
size_t rank(const std::array<std::string_view, N>& names, std::string_view name) {
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::string id_of(const element& e) {
  if (e.type() == element_type::STRING) return std::string{text_or_empty(e)};
  int64_t number = 0;
  uint64_t large = 0;
  double real = 0;
  if (e.get(number) == simdjson::SUCCESS) return fmt::format("{}", number);
  if (e.get(large) == simdjson::SUCCESS) return fmt::format("{}", large);
  if (e.get(real) == simdjson::SUCCESS) return fmt::format("{}", real);
  return {};
}

struct content {
  std::string text;
  bool known = true;  ///< false: something stands there that we cannot read
};

void add(content& out, std::string_view text) {
  if (text.empty()) return;
  if (!out.text.empty()) out.text.push_back('\n');
  out.text.append(text);
}

bool holds_text(std::string_view type) {
  return type.empty() || type == "text" || type == "input_text" || type == "output_text" ||
         type == "markdown";
}

/// The best of the fields seen so far, by the order of their names.
template <size_t N>
struct best_field {
  const std::array<std::string_view, N>& names;
  size_t at = N;
  element value;

  explicit best_field(const std::array<std::string_view, N>& n) : names(n) {}
  void see(std::string_view name, const element& e) {
    const size_t seen = rank(names, name);
    if (seen >= N || seen > at || e.type() == element_type::NULL_VALUE) return;
    at = seen;
    value = e;
  }
  /// Of the first of the names, which most chats use.
  void set(const element& e) {
    at = 0;
    value = e;
  }
  bool found() const { return at < N; }
};

void read_content(const element& e, int depth, content& out);

/// One {"type", "text"} and its kin.
void read_part(const object& part, int depth, content& out) {
  std::string_view type;
  best_field said{part_fields};
  for (const auto field : part) {
    if (field.key == "type") type = text_or_empty(field.value);
    said.see(field.key, field.value);
  }
  if (!holds_text(type)) return;  // a picture, a tool's call: it says nothing
  if (said.found()) {
    read_content(said.value, depth + 1, out);
  } else {
    out.known = false;
  }
}

void read_content(const element& e, int depth, content& out) {
  if (depth > deepest) {
    out.known = false;
    return;
  }
  array list;
  object part;
  if (e.type() == element_type::STRING) {
    add(out, text_or_empty(e));
  } else if (e.get(list) == simdjson::SUCCESS) {
    for (const auto entry : list) read_content(entry, depth + 1, out);
  } else if (e.get(part) == simdjson::SUCCESS) {
    read_part(part, depth, out);
  } else if (e.type() != element_type::NULL_VALUE) {
    out.known = false;
  }
}

struct fields {
  best_field<id_names.size()> id{id_names};
  best_field<role_fields.size()> from{role_fields};
  best_field<content_fields.size()> said{content_fields};
  best_field<time_fields.size()> time{time_fields};
  best_field<parts_names.size()> parts{parts_names};
  std::string_view author;
};

void see(const object& o, fields& out, bool outermost) {
  for (const auto field : o) {
    if (field.key == "messageId") {
      out.id.set(field.value);
      continue;
    }
    if (field.key == "role") {
      out.from.set(field.value);
      continue;
    }
    if (field.key == "content" && field.value.type() != element_type::NULL_VALUE) {
      out.said.set(field.value);
      continue;
    }
    if (field.key == "timestamp") {
      out.time.set(field.value);
      continue;
    }
    object inner;
    if (outermost && (field.key == "data" || field.key == "kwargs") &&
        field.value.get(inner) == simdjson::SUCCESS) {
      see(inner, out, false);
      continue;
    }
    if (field.key == "author" && field.value.get(inner) == simdjson::SUCCESS) {
      element role;
      if (inner.at_key("role").get(role) == simdjson::SUCCESS) out.author = text_or_empty(role);
      continue;
    }
    out.parts.see(field.key, field.value);
    out.id.see(field.key, field.value);
    out.from.see(field.key, field.value);
    out.said.see(field.key, field.value);
    out.time.see(field.key, field.value);
  }
}

}  // namespace

std::optional<role> role_from(std::string_view name) {
  if (name == "user") return role::user;
  if (name == "assistant") return role::assistant;
  constexpr size_t longest = 16;
  std::array<char, longest> low{};
  size_t n = 0;
  for (const char c : name) {
    if (c == ' ') continue;
    if (n == longest) return std::nullopt;
    low[n++] = ascii_lower(c);
  }
  const std::string_view wanted{low.data(), n};
  for (const auto& [known, role] : role_names)
    if (known == wanted) return role;
  return std::nullopt;
}

timestamp read_time(const element& e, const naive_zone& zone) {
  int64_t whole = 0;
  double real = 0;
  object o;
  std::optional<wall_time> at;
  if (e.type() == element_type::STRING) return {text_or_empty(e), zone};
  if (e.get(whole) == simdjson::SUCCESS) {
    at = time_of_number(whole);
  } else if (e.get(real) == simdjson::SUCCESS) {
    at = time_of_number(real);
  } else if (e.get(o) == simdjson::SUCCESS) {
    element inner;
    if (o.at_key("$date").get(inner) == simdjson::SUCCESS ||
        o.at_key("$numberLong").get(inner) == simdjson::SUCCESS)
      return read_time(inner, zone);
    if (o.at_key("seconds").get(whole) != simdjson::SUCCESS &&
        o.at_key("_seconds").get(whole) != simdjson::SUCCESS)
      return {};
    int64_t nanos = 0;
    if (o.at_key("nanos").get(nanos) != simdjson::SUCCESS &&
        o.at_key("nanoseconds").get(nanos) != simdjson::SUCCESS &&
        o.at_key("_nanoseconds").get(nanos) != simdjson::SUCCESS)
      nanos = 0;
    at = time_of_number(whole);
    if (at && nanos > 0 && nanos < 1'000'000'000) *at += std::chrono::microseconds{nanos / 1'000};
  }
  return at ? timestamp{*at} : timestamp{};
}

void read_message(const element& e, const naive_zone& zone, message& out) {
  object o;
  if (e.get(o) != simdjson::SUCCESS) {
    out.from = role::other;
    out.why = unread::shape;
    return;
  }
  fields f;
  see(o, f, true);
  if (f.id.found()) out.id = id_of(f.id.value);
  if (f.time.found()) out.timestamp = read_time(f.time.value, zone);
  const auto name = f.author.empty() && f.from.found() ? text_or_empty(f.from.value) : f.author;
  const auto from = role_from(name);
  out.from = from.value_or(role::other);
  if (!from) {
    out.why = unread::unknown_role;
    return;
  }
  if (f.said.found() && f.said.value.type() == element_type::STRING) {
    out.content = text_or_empty(f.said.value);
    if (!out.content.empty() || !f.parts.found()) return;
  }
  content said;
  if (f.said.found()) read_content(f.said.value, 0, said);
  if (said.text.empty() && f.parts.found()) read_content(f.parts.value, 0, said);
  if (!said.known && said.text.empty()) out.why = unread::content;
  out.content = std::move(said.text);
}

}  // namespace mw::chat
