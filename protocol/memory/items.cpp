#include "protocol/memory/items.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "protocol/base/folding.hpp"
#include "protocol/base/hex.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/memory/commit.hpp"
#include "protocol/memory/first_folding.hpp"

namespace mw::memory {
namespace {

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
    append_code_point(out, mapped);
  }
  return out;
}

std::string hex_sha256(std::string_view domain, std::string_view text) {
  std::string input{domain};
  input.push_back('\n');
  input.append(text);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest.data());
  return hex(digest);
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
  return fold_item_text(text);
}

bool item_marks::has(std::string_view hash, unsigned folding) const {
  return hash == now || (folding < folding_version && !first.empty() && hash == first);
}

item_marks hashes_of(std::string_view item) {
  const std::string folded = fold_item(item);
  const std::string before = fold_item_first(item);
  return {hex_sha256("item", folded), before == folded ? std::string{} : hex_sha256("item", before)};
}

item_marks marks_of(std::string_view item) {
  auto [now, first] = hashes_of(item);
  return {now.substr(0, 32), first.substr(0, 32)};
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

std::string message_hash(std::string_view message_id) {
  return hex_sha256("message", message_id).substr(0, 32);
}

size_t find_item(const std::vector<std::string>& list, std::string_view item) {
  const std::string wanted = fold_item(item);
  size_t i = 0;
  while (i < list.size() && fold_item(list[i]) != wanted) ++i;
  return i;
}

}  // namespace mw::memory
