#include <algorithm>
#include <array>
#include <cstring>

#include "protocol/llm/analyst.hpp"

namespace mw::llm {
namespace {

bool all_ascii(const char* sixteen) {
  constexpr uint64_t high_bits = 0x8080'8080'8080'8080;
  std::array<uint64_t, 2> halves{};
  std::memcpy(halves.data(), sixteen, sizeof halves);
  return ((halves[0] | halves[1]) & high_bits) == 0;
}

/// In quarters of a token, by the first byte of a code point: Latin letters share a token, ideographs have
/// one each, emoji take two.
uint32_t quarters_of(unsigned char byte) {
  if (byte < 0x80) return 1;
  if (byte >= 0xF0) return 8;
  if (byte >= 0xE0) return 4;
  return byte >= 0xC0 ? 2 : 0;
}

}  // namespace

uint32_t estimate_tokens(std::string_view text) {
  uint64_t quarters = 0;
  for (size_t i = 0; i < text.size();) {
    if (text.size() - i >= 16 && all_ascii(text.data() + i)) {
      quarters += 16;
      i += 16;
      continue;
    }
    quarters += quarters_of(static_cast<unsigned char>(text[i++]));
  }
  if (quarters == 0 && !text.empty()) return 1;
  return static_cast<uint32_t>(std::min<uint64_t>((quarters + 3) / 4, UINT32_MAX));
}

size_t bytes_of_tokens(std::string_view text, uint32_t max_tokens) {
  uint64_t left = uint64_t{max_tokens} * 4;
  size_t i = 0;
  while (i < text.size()) {
    const uint32_t needs = quarters_of(static_cast<unsigned char>(text[i]));
    if (needs > left) return i;
    left -= needs;
    ++i;
  }
  return i;
}

}  // namespace mw::llm
