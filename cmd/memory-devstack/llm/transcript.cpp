#include "cmd/memory-devstack/llm/transcript.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "cmd/memory-devstack/llm/text.hpp"
#include "protocol/base/ascii.hpp"

namespace mw::standin {
namespace {

using simdjson::dom::object;

/// {"n":"m3","role":"user","text":"...","new":true}
bool read_line(simdjson::dom::parser& parser, std::string_view text, transcript& t) {
  object o;
  if (!text.starts_with('{') || parser.parse(text.data(), text.size()).get(o) != simdjson::SUCCESS)
    return false;
  std::string_view label;
  std::string_view role;
  std::string_view said;
  if (o["n"].get(label) != simdjson::SUCCESS || o["role"].get(role) != simdjson::SUCCESS ||
      o["text"].get(said) != simdjson::SUCCESS)
    return false;
  bool fresh = true;
  if (o["new"].get(fresh) != simdjson::SUCCESS) fresh = true;
  t.lines.push_back({std::string{label}, role == "user", fresh, std::string{said}});
  return true;
}

/// {"profile":{"interests":["Likes tea"]}}
void read_profile(const object& categories, transcript& t) {
  for (const auto [category, items] : categories) {
    simdjson::dom::array list;
    if (items.get(list) != simdjson::SUCCESS) continue;
    for (const auto item : list) {
      std::string_view text;
      if (item.get(text) == simdjson::SUCCESS)
        t.profile.push_back({std::string{category}, std::string{text}});
    }
  }
}

void read_heading(simdjson::dom::parser& parser, std::string_view text, transcript& t) {
  object o;
  if (!text.starts_with('{') || parser.parse(text.data(), text.size()).get(o) != simdjson::SUCCESS) return;
  object categories;
  std::string_view value;
  if (o["profile"].get(categories) == simdjson::SUCCESS) read_profile(categories, t);
  if (o["previous_summary"].get(value) == simdjson::SUCCESS) t.previous_summary = value;
  if (o["title"].get(value) == simdjson::SUCCESS) t.title = value;
}

void read_lines(simdjson::dom::parser& parser, std::string_view text, transcript& t) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto one = trim(text.substr(0, end));
    if (!read_line(parser, one, t)) read_heading(parser, one, t);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

transcript read_transcript(const std::vector<request_message>& messages) {
  transcript t;
  simdjson::dom::parser parser;
  for (const auto& m : messages)
    if (m.role == "user") read_lines(parser, m.text, t);
  t.from_worker = !t.lines.empty();
  if (t.from_worker) return t;
  for (const auto& m : messages)
    if (m.role == "user" || m.role == "assistant")
      t.lines.push_back({fmt::format("m{}", t.lines.size() + 1), m.role == "user", true, m.text});
  return t;
}

}  // namespace mw::standin
