// Signs of ASCII, whatever the locale. Called by every reader of foreign text; pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

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

inline std::string lower_case(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = ascii_lower(c);
  return out;
}
constexpr bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}
/// Without any of these signs at both ends.
constexpr std::string_view trim(std::string_view text, std::string_view signs) {
  while (!text.empty() && std::find(signs.begin(), signs.end(), text.front()) != signs.end())
    text.remove_prefix(1);
  while (!text.empty() && std::find(signs.begin(), signs.end(), text.back()) != signs.end())
    text.remove_suffix(1);
  return text;
}
/// Without blanks, tabs and line breaks at both ends.
constexpr std::string_view trim(std::string_view text) {
  constexpr auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace mw
