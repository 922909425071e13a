#include "protocol/base/json_writer.hpp"

#include <fmt/format.h>

#include <cmath>

#include "protocol/base/utf8.hpp"

namespace mw {
namespace {

/// Stands for itself in a JSON string.
bool is_plain(char ch) {
  const auto c = static_cast<unsigned char>(ch);
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out.push_back('"');
  size_t i = 0;
  while (i < text.size()) {
    size_t plain = i;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out.append(text.substr(i, plain - i));
    i = plain;
    if (i == text.size()) break;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      const size_t n = utf8_length_at(text, i);
      if (n == 0) {
        out.append("\xEF\xBF\xBD");
        ++i;
      } else {
        out.append(text.substr(i, n));
        i += n;
      }
      continue;
    }
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
    ++i;
  }
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
