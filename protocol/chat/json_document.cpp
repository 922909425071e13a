#include "protocol/chat/json_document.hpp"

#include <cstdint>

#include "protocol/base/lenient_json.hpp"

namespace mw::chat {
namespace {

/// The code unit of a "\uXXXX" at `i`, or -1.
int32_t unit_at(std::string_view s, size_t i) {
  if (s.size() < i + 6 || s[i] != '\\' || s[i + 1] != 'u') return -1;
  int32_t unit = 0;
  for (size_t k = i + 2; k < i + 6; ++k) {
    const char c = s[k];
    int32_t digit = 0;
    if (c >= '0' && c <= '9')
      digit = c - '0';
    else if (c >= 'a' && c <= 'f')
      digit = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F')
      digit = c - 'A' + 10;
    else
      return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

bool is_high(int32_t unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}
bool is_low(int32_t unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

/// Where the next escape of a surrogate without partner begins; npos: there is none.
size_t next_lone_surrogate(std::string_view json, size_t i) {
  for (i = json.find('\\', i); i != std::string_view::npos; i = json.find('\\', i)) {
    const int32_t unit = unit_at(json, i);
    if (is_high(unit) && is_low(unit_at(json, i + 6))) {
      i += 12;
      continue;
    }
    if (is_high(unit) || is_low(unit)) return i;
    i += 2;  // an escaped backslash must not be taken for the start of the next escape
  }
  return std::string_view::npos;
}

}  // namespace

bool has_lone_surrogate(std::string_view json) {
  return next_lone_surrogate(json, 0) != std::string_view::npos;
}

std::string repair_surrogates(std::string_view json) {
  std::string out{json};
  for (size_t i = next_lone_surrogate(out, 0); i != std::string::npos; i = next_lone_surrogate(out, i + 6))
    out.replace(i + 2, 4, "fffd");
  return out;
}

json_document::json_document(std::string_view json) {
  if (json.starts_with("\xEF\xBB\xBF")) json.remove_prefix(3);
  std::string repaired;
  if (has_lone_surrogate(json)) json = repaired = repair_surrogates(json);
  const auto error = parser_->parse(json.data(), json.size(), true).get(root_);
  if (error != simdjson::SUCCESS) read_leniently(json);
}

void json_document::read_leniently(std::string_view json) {
  const auto again = mw::read_leniently(json);
  if (const auto* fault = std::get_if<json_fault>(&again)) {
    error_ = to_string(*fault);
  } else if (const auto error = parser_->parse(std::get<std::string>(again)).get(root_)) {
    error_ = simdjson::error_message(error);
  }
}

}  // namespace mw::chat
