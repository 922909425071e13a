// Signs of ASCII, whatever the locale. Called by every reader of foreign text; pure.
#pragma once

namespace mw {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_letter(char c) {
  return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

}  // namespace mw
