#include "protocol/memory/items.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "protocol/base/utf8.hpp"
#include "protocol/memory/commit.hpp"

namespace mw::memory {
namespace {

constexpr char32_t replacement = 0xFFFD;

/// The code point at `i`, which moves behind it; a byte that is not UTF-8 gives U+FFFD.
char32_t next_code_point(std::string_view text, size_t& i) {
  const size_t n = utf8_length_at(text, i);
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[i + k]); };
  char32_t c = replacement;
  if (n == 1) c = byte(0);
  if (n == 2) c = (byte(0) & 0x1Fu) << 6 | (byte(1) & 0x3Fu);
  if (n == 3) c = (byte(0) & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
  if (n == 4)
    c = (byte(0) & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu);
  i += n == 0 ? 1 : n;
  return c;
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

bool is_space(char32_t c) {
  if (c < 0x80) return c == 0x20 || (c >= 0x09 && c <= 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Invisible characters that never belong in a remembered item. The two joiners (U+200C, U+200D) do.
bool is_unwanted(char32_t c) {
  if (c < 0x80) return c < 0x20 || c == 0x7F;
  return c < 0xA0 || c == 0x200B || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

bool in(char32_t c, char32_t from, char32_t to) {
  return c >= from && c <= to;
}

char32_t fold_latin(char32_t c) {
  if (c == 0x130) return 'i';
  if (c == 0x178) return 0xFF;
  if (c == 0x1E9E) return 0xDF;
  const bool even_is_upper = in(c, 0x100, 0x137) || in(c, 0x14A, 0x177) || in(c, 0x1DE, 0x1EF) ||
                             in(c, 0x1F8, 0x21F) || in(c, 0x222, 0x233) || in(c, 0x1E00, 0x1E95) ||
                             in(c, 0x1EA0, 0x1EFF);
  const bool odd_is_upper = in(c, 0x139, 0x148) || in(c, 0x179, 0x17E) || in(c, 0x1CD, 0x1DC);
  if (c == 0x131) return c;
  if (even_is_upper && c % 2 == 0) return c + 1;
  if (odd_is_upper && c % 2 == 1) return c + 1;
  return c;
}

char32_t fold_greek(char32_t c) {
  if (c == 0x3C2) return 0x3C3;
  if (in(c, 0x391, 0x3AB) && c != 0x3A2) return c + 32;
  if (c == 0x386) return 0x3AC;
  if (in(c, 0x388, 0x38A)) return c + 37;
  if (c == 0x38C) return 0x3CC;
  if (in(c, 0x38E, 0x38F)) return c + 63;
  return c;
}

char32_t fold_cyrillic(char32_t c) {
  if (in(c, 0x410, 0x42F)) return c + 32;
  if (in(c, 0x400, 0x40F)) return c + 80;
  if (c == 0x4C0) return 0x4CF;
  const bool even_is_upper = in(c, 0x460, 0x481) || in(c, 0x48A, 0x4BF) || in(c, 0x4D0, 0x52F);
  if (even_is_upper && c % 2 == 0) return c + 1;
  if (in(c, 0x4C1, 0x4CE) && c % 2 == 1) return c + 1;
  return c;
}

char32_t fold_case(char32_t c) {
  if (c < 0x80) return in(c, 'A', 'Z') ? c + 32 : c;
  if (in(c, 0xC0, 0xDE)) return c == 0xD7 ? c : c + 32;
  if (in(c, 0x100, 0x24F) || in(c, 0x1E00, 0x1EFF)) return fold_latin(c);
  if (in(c, 0x370, 0x3FF)) return fold_greek(c);
  if (in(c, 0x400, 0x52F)) return fold_cyrillic(c);
  if (in(c, 0x531, 0x556)) return c + 48;
  if (in(c, 0xFF21, 0xFF3A)) return c + 32;
  return c;
}

/// Whether clean_text() has nothing to do: printable ASCII, single spaces between words.
bool is_clean(std::string_view text) {
  bool space = true;  // none at the beginning
  for (const char ch : text) {
    if (ch < 0x20 || ch == 0x7F || (space && ch == ' ')) return false;  // bytes from 0x80 on are negative
    space = ch == ' ';
  }
  return !space || text.empty();
}

/// squeeze() where every byte is a character; `map` keeps ASCII ASCII.
template <class Map>
std::string squeeze_ascii(std::string_view text, const Map& map) {
  std::string out(text.size(), '\0');
  size_t size = 0;
  bool gap = false;
  for (const char ch : text) {
    const auto c = static_cast<unsigned char>(ch);
    if (is_space(c)) {
      gap = size > 0;
      continue;
    }
    const char32_t mapped = map(c);
    if (mapped == 0) continue;
    if (gap) out[size++] = ' ';
    gap = false;
    out[size++] = static_cast<char>(mapped);
  }
  out.resize(size);
  return out;
}

/// Runs of white space become one space, none at the ends.
template <class Map>
std::string squeeze(std::string_view text, const Map& map) {
  if (is_ascii(text)) return squeeze_ascii(text, map);
  std::string out;
  out.reserve(text.size());
  bool gap = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_code_point(text, i);
    if (is_space(c)) {
      gap = !out.empty();
      continue;
    }
    const char32_t mapped = map(c);
    if (mapped == 0) continue;
    if (gap) out.push_back(' ');
    gap = false;
    append_utf8(out, mapped);
  }
  return out;
}

std::string hex_sha256(std::string_view domain, std::string_view text) {
  std::string input{domain};
  input.push_back('\n');
  input.append(text);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest.data());
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char b : digest) {
    out.push_back(hex[b >> 4]);
    out.push_back(hex[b & 15]);
  }
  return out;
}

}  // namespace

std::string clean_text(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes && is_clean(text)) return std::string{text};
  std::string out = squeeze(text, [](char32_t c) { return is_unwanted(c) ? char32_t{0} : c; });
  if (out.size() > max_bytes) {
    out.resize(utf8_prefix(out, max_bytes).size());
    while (!out.empty() && out.back() == ' ') out.pop_back();
  }
  return out;
}

std::string clean_item(std::string_view text) {
  return clean_text(text, max_item_bytes);
}

std::string fold_item(std::string_view text) {
  return squeeze(text, [](char32_t c) {
    return is_unwanted(c) || c == 0x200C || c == 0x200D ? char32_t{0} : fold_case(c);
  });
}

std::string item_hash(std::string_view item) {
  return hex_sha256("item", fold_item(item));
}

std::string mark_hash(std::string_view item) {
  return item_hash(item).substr(0, 32);
}

std::string session_hash(std::string_view session_id) {
  return hex_sha256("session", session_id);
}

size_t find_item(const std::vector<std::string>& list, std::string_view item) {
  const std::string wanted = fold_item(item);
  size_t i = 0;
  while (i < list.size() && fold_item(list[i]) != wanted) ++i;
  return i;
}

}  // namespace mw::memory
