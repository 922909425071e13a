// Bytes as hexadecimal digits, and back. Called wherever ids, hashes and escapes are written or read. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mw {

constexpr std::string_view hex_digits = "0123456789abcdef";

/// 0 to 15, of a digit in either case; -1: it is none.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Two digits a byte, in lower case.
inline void append_hex(std::string& out, uint8_t byte) {
  out.push_back(hex_digits[byte >> 4]);
  out.push_back(hex_digits[byte & 15]);
}
/// A container of bytes, all of it.
template <class Bytes>
std::string hex(const Bytes& bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) append_hex(out, byte);
  return out;
}

/// "%XX", as URLs escape a byte.
inline void append_percent(std::string& out, char c) {
  constexpr std::string_view upper = "0123456789ABCDEF";
  const auto byte = static_cast<uint8_t>(c);
  out.push_back('%');
  out.push_back(upper[byte >> 4]);
  out.push_back(upper[byte & 15]);
}

}  // namespace mw
