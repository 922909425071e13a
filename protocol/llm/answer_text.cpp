#include "protocol/llm/answer_text.hpp"

namespace mw::llm {
namespace {

constexpr size_t most_candidates = 16;

/// One past the bracket that closes the one at `begin`; npos where the text ends before.
size_t end_of_object(std::string_view text, size_t begin) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::vector<std::string_view> json_objects_in(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t tried = 0, at = text.find('{'); at != std::string_view::npos && tried < most_candidates;
       ++tried) {
    const size_t end = end_of_object(text, at);
    if (end == std::string_view::npos) {
      at = text.find('{', at + 1);
    } else {
      out.push_back(text.substr(at, end - at));
      at = text.find('{', end);
    }
  }
  return out;
}

}  // namespace mw::llm
