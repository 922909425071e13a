#include "cmd/memory-devstack/llm/transcript.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "cmd/memory-devstack/llm/text.hpp"

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

void read_lines(simdjson::dom::parser& parser, std::string_view text, transcript& t) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    read_line(parser, trim(text.substr(0, end)), t);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

transcript read_transcript(const std::vector<request_message>& messages) {
  transcript t;
  simdjson::dom::parser parser;
  for (const auto& m : messages)
    if (m.role == "user") read_lines(parser, m.text, t);
  if (!t.lines.empty()) return t;
  for (const auto& m : messages)
    if (m.role == "user" || m.role == "assistant")
      t.lines.push_back({fmt::format("m{}", t.lines.size() + 1), m.role == "user", true, m.text});
  return t;
}

}  // namespace mw::standin
