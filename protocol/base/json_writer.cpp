#include "protocol/base/json_writer.hpp"

#include <fmt/format.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "protocol/base/float_text.hpp"
#include "protocol/base/hex.hpp"
#include "protocol/base/utf8.hpp"

namespace mw {
namespace {

/// Stands for itself in a JSON string.
bool is_plain(char ch) {
  const auto c = static_cast<unsigned char>(ch);
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

#ifdef __SSE2__
/// Bit k is set where byte k of the sixteen is not plain.
uint32_t special_mask(const char* sixteen) {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sixteen));
  // Signed: bytes from 0x80 on are negative and so below the space as well.
  const __m128i outside =
      _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)), _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
  const __m128i quoting =
      _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(outside, quoting)));
}
#endif

/// Index of the first byte at or after `i` that is not plain.
size_t end_of_plain(std::string_view text, size_t i) {
#ifdef __SSE2__
  for (; text.size() - i >= 16; i += 16)
    if (const uint32_t mask = special_mask(text.data() + i))
      return i + static_cast<size_t>(std::countr_zero(mask));
#endif
  while (i < text.size() && is_plain(text[i])) ++i;
  return i;
}

/// What stands for `c` in a string; for one inside a string, the same escaped once more.
struct escape {
  std::string_view plain;
  std::string_view in_string;
};
escape escape_of(unsigned char c) {
  switch (c) {
    case '"':
      return {R"(\")", R"(\\\")"};
    case '\\':
      return {R"(\\)", R"(\\\\)"};
    case '\n':
      return {R"(\n)", R"(\\n)"};
    case '\r':
      return {R"(\r)", R"(\\r)"};
    case '\t':
      return {R"(\t)", R"(\\t)"};
    default:
      return {R"(\u00)", R"(\\u00)"};
  }
}

void append_escape(std::string& out, unsigned char c, json_place place) {
  const escape e = escape_of(c);
  out.append(place == json_place::plain ? e.plain : e.in_string);
  if (!e.plain.ends_with("u00")) return;
  append_hex(out, c);
}

std::string_view quote_at(json_place place) {
  return place == json_place::plain ? R"(")" : R"(\")";
}

constexpr size_t short_text = 64;

/// A short text that stands for itself, in one piece.
void append_quoted(std::string& out, std::string_view text, std::string_view quote) {
  std::array<char, short_text + 4> all;
  char* end = std::copy(quote.begin(), quote.end(), all.data());
  end = std::copy(text.begin(), text.end(), end);
  end = std::copy(quote.begin(), quote.end(), end);
  out.append(all.data(), static_cast<size_t>(end - all.data()));
}

}  // namespace

void append_json_string(std::string& out, std::string_view text, json_place place) {
  size_t i = end_of_plain(text, 0);
  if (i == text.size() && i <= short_text) return append_quoted(out, text, quote_at(place));
  out.append(quote_at(place));
  size_t taken = 0;  // up to here it is in `out`
  for (; i < text.size(); i = end_of_plain(text, i)) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t n = c >= 0x80 ? utf8_length_at(text, i) : 0;
    if (n > 0) {
      i += n;
      continue;
    }
    out.append(text.substr(taken, i - taken));
    if (c >= 0x80) {
      out.append("\xEF\xBF\xBD");
    } else {
      append_escape(out, c, place);
    }
    taken = ++i;
  }
  out.append(text.substr(taken));
  out.append(quote_at(place));
}

bool is_plain_json_text(std::string_view text) {
  return end_of_plain(text, 0) == text.size();
}

void json_writer::separate() {
  if (comma_) out_.push_back(',');
  comma_ = true;
}

json_writer& json_writer::begin_object() {
  separate();
  out_.push_back('{');
  comma_ = false;
  return *this;
}
json_writer& json_writer::end_object() {
  out_.push_back('}');
  comma_ = true;
  return *this;
}
json_writer& json_writer::begin_array() {
  separate();
  out_.push_back('[');
  comma_ = false;
  return *this;
}
json_writer& json_writer::end_array() {
  out_.push_back(']');
  comma_ = true;
  return *this;
}
json_writer& json_writer::any_key(std::string_view name) {
  separate();
  append_json_string(out_, name, place_);
  out_.push_back(':');
  comma_ = false;
  return *this;
}
json_writer& json_writer::value(std::string_view text) {
  separate();
  append_json_string(out_, text, place_);
  return *this;
}
json_writer& json_writer::value(int64_t number) {
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", number);
  return *this;
}
json_writer& json_writer::value(uint64_t number) {
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", number);
  return *this;
}
json_writer& json_writer::floats(const std::vector<float>& numbers) {
  begin_array();
  append_floats(out_, numbers);
  return end_array();
}

json_writer& json_writer::value(double number) {
  if (!std::isfinite(number)) return null();
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", number);
  return *this;
}
json_writer& json_writer::value(bool flag) {
  separate();
  out_.append(flag ? "true" : "false");
  return *this;
}
json_writer& json_writer::null() {
  separate();
  out_.append("null");
  return *this;
}
json_writer& json_writer::raw(std::string_view json) {
  separate();
  out_.append(json);
  return *this;
}

}  // namespace mw
