// Finds JSON objects in a model's text: the whole text, or, where a server does not enforce the format, what
// stands between thoughts, drafts, prose and code fences. Each is read as base/lenient_json.hpp says. Pure;
// work and memory are in proportion to the text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mw::llm {

struct text_objects {
  std::vector<std::string> whole;  ///< those that lie in no other one, in order; of many the last 16
  /// Behind the last whole one begins another with these words, and does not end well; empty: none does.
  std::string_view broken;
};

text_objects json_objects_in(std::string_view text);

}  // namespace mw::llm
