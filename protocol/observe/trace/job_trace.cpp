#include "protocol/observe/trace/job_trace.hpp"

#include "protocol/base/ascii.hpp"
#include "protocol/base/hex.hpp"

namespace mw::observe {

namespace {

/// In lower case, as the standard has it.
int digit(char c) {
  return ascii_lower(c) == c ? hex_value(c) : -1;
}

bool read_hex(std::string_view text, uint8_t* out, size_t count) {
  bool any = false;
  for (size_t i = 0; i < count; ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high * 16 + low);
    any = any || out[i] != 0;
  }
  return any;
}

}  // namespace

std::optional<trace_context> parse_traceparent(std::string_view text) {
  constexpr size_t length = traceparent_length;
  if (text.size() < length || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const auto version = text.substr(0, 2);
  // A later version may carry more behind a dash; version 00 is exactly this long.
  if (version == "ff" || digit(version[0]) < 0 || digit(version[1]) < 0) return std::nullopt;
  if (text.size() > length && (version == "00" || text[length] != '-')) return std::nullopt;
  trace_context out;
  if (!read_hex(text.substr(3, 32), out.trace.data(), out.trace.size())) return std::nullopt;
  if (!read_hex(text.substr(36, 16), out.span.data(), out.span.size())) return std::nullopt;
  const int high = digit(text[53]);
  const int low = digit(text[54]);
  if (high < 0 || low < 0) return std::nullopt;
  out.flags = static_cast<uint8_t>(high * 16 + low);
  return out;
}

}  // namespace mw::observe
