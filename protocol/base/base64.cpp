#include "protocol/base/base64.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace mw {
namespace {

constexpr std::string_view signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Beyond 24 bits, so that it shows in what four signs give together.
constexpr uint32_t no_sign = 0x8000'0000;

using sign_values = std::array<uint32_t, 256>;

constexpr sign_values values_at(unsigned shift) {
  sign_values out{};
  out.fill(no_sign);
  for (size_t i = 0; i < signs.size(); ++i)
    out[static_cast<unsigned char>(signs[i])] = static_cast<uint32_t>(i) << shift;
  return out;
}

constexpr std::array<sign_values, 4> by_place{values_at(18), values_at(12), values_at(6), values_at(0)};

uint32_t four_signs(const char* at) {
  return by_place[0][static_cast<unsigned char>(at[0])] | by_place[1][static_cast<unsigned char>(at[1])] |
         by_place[2][static_cast<unsigned char>(at[2])] | by_place[3][static_cast<unsigned char>(at[3])];
}

}  // namespace

std::optional<std::string> base64_bytes(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return std::string{};
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out(text.size() / 4 * 3, '\0');
  char* to = out.data();
  uint32_t wrong = 0;
  const auto put = [&](uint32_t bits) {
    wrong |= bits;
    *to++ = static_cast<char>(bits >> 16);
    *to++ = static_cast<char>(bits >> 8);
    *to++ = static_cast<char>(bits);
  };
  const size_t whole = text.size() - (padding > 0 ? 4 : 0);
  for (size_t i = 0; i < whole; i += 4) put(four_signs(text.data() + i));
  if (padding > 0) {
    std::array<char, 4> last{'A', 'A', 'A', 'A'};
    for (size_t i = 0; i < 4 - padding; ++i) last.at(i) = text[whole + i];
    const uint32_t bits = four_signs(last.data());
    if ((bits & (padding == 2 ? 0xffffU : 0xffU)) != 0) return std::nullopt;
    put(bits);
  }
  if ((wrong & no_sign) != 0) return std::nullopt;
  for (size_t i = 0; i < padding; ++i) out.pop_back();
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < count ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k) out.push_back(k > count ? '=' : signs[bits >> (18 - 6 * k) & 63]);
  }
  return out;
}

std::string base64url(std::string_view bytes) {
  std::string out = base64(bytes);
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

std::optional<std::string> base64url_bytes(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos) return std::nullopt;
  std::string padded{text};
  for (char& c : padded) c = c == '-' ? '+' : c == '_' ? '/' : c;
  padded.append((4 - text.size() % 4) % 4, '=');
  return base64_bytes(padded);
}

}  // namespace mw
