// What belongs to a word, by the byte: letters and digits of ASCII, and all of another script. Called by
// whoever looks for whole words in UTF-8. Pure.
#pragma once

#include "protocol/base/ascii.hpp"

namespace mw {

constexpr bool is_of_word(char c) {
  return is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace mw
