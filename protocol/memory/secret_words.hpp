// The words that announce a password, a PIN or a key in a text, and what they announce. Called by
// secrets.cpp, which looks for the other kinds of secrets. Pure.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace mw::memory {

/// A part of a text, in bytes; `end` is behind it.
struct piece {
  size_t begin = 0;
  size_t end = 0;
};
using pieces = std::vector<piece>;

/// A script with blanks between words, by a word's first byte.
constexpr bool is_spaced(char first) {
  return static_cast<unsigned char>(first) < 0xE0;
}

/// Whether one of the words begins with this byte, in either case.
bool may_begin_secret_word(char first);
/// Whether `t` begins with one of them, in either case; what comes before and behind is not looked at.
bool secret_word_begins(std::string_view t);

/// What they announce, appended to `out`. `t` in lower case.
void find_announced(std::string_view t, pieces& out);

}  // namespace mw::memory
