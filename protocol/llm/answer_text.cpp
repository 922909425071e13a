#include "protocol/llm/answer_text.hpp"

#include "protocol/base/lenient_json.hpp"

namespace mw::llm {
namespace {

constexpr size_t most_objects = 16;
/// A text made to be looked at again and again is given up.
constexpr size_t looks_at_each_byte = 16;
constexpr size_t first_words = 32;

}  // namespace

text_objects json_objects_in(std::string_view text) {
  text_objects out;
  size_t left = text.size() * looks_at_each_byte;
  for (size_t at = text.find('{'); at != std::string_view::npos;) {
    auto first = read_first_value(text.substr(at));
    if (first.json) {
      if (out.whole.size() == most_objects) out.whole.erase(out.whole.begin());
      out.whole.push_back(std::move(*first.json));
      out.broken = {};
      at = text.find('{', at + first.end);
      continue;
    }
    if (out.broken.empty()) out.broken = text.substr(at, first_words);
    if (first.end > left) break;
    left -= first.end;
    at = text.find('{', at + 1);
  }
  return out;
}

}  // namespace mw::llm
