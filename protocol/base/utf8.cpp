#include "protocol/base/utf8.hpp"

#include <algorithm>
#include <cstdint>

namespace mw {

size_t utf8_length_at(std::string_view text, size_t i) {
  const auto at = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char c = at(i);
  if (c < 0x80) return 1;
  const size_t n = c >= 0xC2 && c <= 0xDF ? 2 : c >= 0xE0 && c <= 0xEF ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
  if (n == 0 || text.size() - i < n) return 0;
  for (size_t k = 1; k < n; ++k)
    if ((at(i + k) & 0xC0) != 0x80) return 0;
  if (c == 0xE0 && at(i + 1) < 0xA0) return 0;
  if (c == 0xED && at(i + 1) > 0x9F) return 0;
  if (c == 0xF0 && at(i + 1) < 0x90) return 0;
  if (c == 0xF4 && at(i + 1) > 0x8F) return 0;
  return n;
}

std::string_view utf8_prefix(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool utf8_valid(std::string_view text) {
  if (is_ascii(text)) return true;
  for (size_t i = 0; i < text.size();) {
    const size_t n = utf8_length_at(text, i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

}  // namespace mw
