#include "protocol/base/json_writer.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "protocol/base/utf8.hpp"

namespace mw {
namespace {

/// Stands for itself in a JSON string.
bool is_plain(char ch) {
  const auto c = static_cast<unsigned char>(ch);
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/// Whether one of eight bytes is not plain; looks at all of them at once.
bool any_special(const char* eight) {
  constexpr uint64_t ones = 0x0101010101010101;
  constexpr uint64_t highs = 0x8080808080808080;
  uint64_t v = 0;
  std::memcpy(&v, eight, sizeof v);
  const auto has_zero = [](uint64_t x) { return (x - ones) & ~x; };
  const uint64_t below_space = (v - ones * 0x20) & ~v;
  return ((v | below_space | has_zero(v ^ ones * '"') | has_zero(v ^ ones * '\\') |
           has_zero(v ^ ones * 0x7f)) &
          highs) != 0;
}

/// Index of the first byte at or after `i` that is not plain.
size_t end_of_plain(std::string_view text, size_t i) {
  while (text.size() - i >= 8 && !any_special(text.data() + i)) i += 8;
  while (i < text.size() && is_plain(text[i])) ++i;
  return i;
}

void append_escape(std::string& out, unsigned char c) {
  static constexpr char hex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out.append("\\\"");
      break;
    case '\\':
      out.append("\\\\");
      break;
    case '\n':
      out.append("\\n");
      break;
    case '\r':
      out.append("\\r");
      break;
    case '\t':
      out.append("\\t");
      break;
    default:
      out.append("\\u00");
      out.push_back(hex[c >> 4]);
      out.push_back(hex[c & 15]);
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  size_t taken = 0;  // up to here it is in `out`
  for (size_t i = end_of_plain(text, 0); i < text.size(); i = end_of_plain(text, i)) {
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
      append_escape(out, c);
    }
    taken = ++i;
  }
  out.append(text.substr(taken));
  out.push_back('"');
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
json_writer& json_writer::key(std::string_view name) {
  separate();
  append_json_string(out_, name);
  out_.push_back(':');
  comma_ = false;
  return *this;
}
json_writer& json_writer::value(std::string_view text) {
  separate();
  append_json_string(out_, text);
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
