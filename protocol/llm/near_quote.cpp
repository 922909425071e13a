#include "protocol/llm/near_quote.hpp"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "protocol/base/utf8.hpp"
#include "protocol/base/word_sign.hpp"

namespace mw::llm {
namespace {

constexpr size_t fewest_pieces = 2;
/// Of a quote: more say no more.
constexpr size_t most_pieces = 100;

std::vector<std::string_view> spaced_words(std::string_view text, size_t most) {
  std::vector<std::string_view> out;
  for (size_t i = 0; i < text.size() && out.size() < most;) {
    const size_t begin = i;
    while (i < text.size() && (is_of_word(text[i]) || text[i] == '\'')) ++i;
    if (i > begin)
      out.push_back(text.substr(begin, i - begin));
    else
      ++i;
  }
  return out;
}

std::vector<std::string_view> letter_pairs(std::string_view text, size_t most) {
  std::vector<std::string_view> out;
  for (size_t i = 0; i < text.size() && out.size() < most;) {
    const size_t first = std::max<size_t>(utf8_length_at(text, i), 1);
    if (i + first >= text.size()) break;
    const size_t second = std::max<size_t>(utf8_length_at(text, i + first), 1);
    out.push_back(text.substr(i, first + second));
    i += first;
  }
  return out;
}

template <class Pieces>
bool shares_most(std::string_view message, std::string_view quote, Pieces pieces_of) {
  const auto quoted = pieces_of(quote, most_pieces);
  if (quoted.size() < fewest_pieces) return false;
  const auto all = pieces_of(message, std::string_view::npos);
  const std::unordered_set<std::string_view> known{all.begin(), all.end()};
  const auto shared = static_cast<size_t>(
      std::count_if(quoted.begin(), quoted.end(), [&](std::string_view p) { return known.contains(p); }));
  return shared >= fewest_pieces && 2 * shared > quoted.size();
}

}  // namespace

bool shares_most_words(std::string_view message, std::string_view quote) {
  const bool no_words = quote.find(' ') == std::string_view::npos && !is_ascii(quote);
  return no_words ? shares_most(message, quote, letter_pairs) : shares_most(message, quote, spaced_words);
}

}  // namespace mw::llm
