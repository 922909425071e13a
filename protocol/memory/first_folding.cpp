#include "protocol/memory/first_folding.hpp"

#include "protocol/base/utf8.hpp"

namespace mw::memory {
namespace {

bool was_space(char32_t c) {
  if (c < 0x80) return c == 0x20 || (c >= 0x09 && c <= 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Invisible characters that never belong in a remembered item. The two joiners (U+200C, U+200D) do.
bool was_unwanted(char32_t c) {
  if (c < 0x80) return c < 0x20 || c == 0x7F;
  return c < 0xA0 || c == 0x200B || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

bool lies_in(char32_t c, char32_t from, char32_t to) {
  return c >= from && c <= to;
}

char32_t first_latin(char32_t c) {
  if (c == 0x130) return 'i';
  if (c == 0x178) return 0xFF;
  if (c == 0x1E9E) return 0xDF;
  const bool even_is_upper = lies_in(c, 0x100, 0x137) || lies_in(c, 0x14A, 0x177) ||
                             lies_in(c, 0x1DE, 0x1EF) || lies_in(c, 0x1F8, 0x21F) ||
                             lies_in(c, 0x222, 0x233) || lies_in(c, 0x1E00, 0x1E95) ||
                             lies_in(c, 0x1EA0, 0x1EFF);
  const bool odd_is_upper = lies_in(c, 0x139, 0x148) || lies_in(c, 0x179, 0x17E) || lies_in(c, 0x1CD, 0x1DC);
  if (c == 0x131) return c;
  if (even_is_upper && c % 2 == 0) return c + 1;
  if (odd_is_upper && c % 2 == 1) return c + 1;
  return c;
}

char32_t first_greek(char32_t c) {
  if (c == 0x3C2) return 0x3C3;
  if (lies_in(c, 0x391, 0x3AB) && c != 0x3A2) return c + 32;
  if (c == 0x386) return 0x3AC;
  if (lies_in(c, 0x388, 0x38A)) return c + 37;
  if (c == 0x38C) return 0x3CC;
  if (lies_in(c, 0x38E, 0x38F)) return c + 63;
  return c;
}

char32_t first_cyrillic(char32_t c) {
  if (lies_in(c, 0x410, 0x42F)) return c + 32;
  if (lies_in(c, 0x400, 0x40F)) return c + 80;
  if (c == 0x4C0) return 0x4CF;
  const bool even_is_upper = lies_in(c, 0x460, 0x481) || lies_in(c, 0x48A, 0x4BF) || lies_in(c, 0x4D0, 0x52F);
  if (even_is_upper && c % 2 == 0) return c + 1;
  if (lies_in(c, 0x4C1, 0x4CE) && c % 2 == 1) return c + 1;
  return c;
}

char32_t first_case(char32_t c) {
  if (c < 0x80) return lies_in(c, 'A', 'Z') ? c + 32 : c;
  if (lies_in(c, 0xC0, 0xDE)) return c == 0xD7 ? c : c + 32;
  if (lies_in(c, 0x100, 0x24F) || lies_in(c, 0x1E00, 0x1EFF)) return first_latin(c);
  if (lies_in(c, 0x370, 0x3FF)) return first_greek(c);
  if (lies_in(c, 0x400, 0x52F)) return first_cyrillic(c);
  if (lies_in(c, 0x531, 0x556)) return c + 48;
  if (lies_in(c, 0xFF21, 0xFF3A)) return c + 32;
  return c;
}

}  // namespace

std::string fold_item_first(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool gap = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_code_point(text, i);
    if (was_space(c)) {
      gap = !out.empty();
      continue;
    }
    if (was_unwanted(c) || c == 0x200C || c == 0x200D) continue;
    if (gap) out.push_back(' ');
    gap = false;
    append_code_point(out, first_case(c));
  }
  return out;
}

}  // namespace mw::memory
