#include "protocol/llm/analyst.hpp"

namespace mw::llm {

uint32_t estimate_tokens(std::string_view text) {
  // In quarters of a token, by the length of the code point: Latin letters share a token, ideographs have
  // one each, emoji take two.
  uint64_t quarters = 0;
  for (const char c : text) {
    // Sums without branches, which the compiler can make many bytes at a time: 1, 0 (continuation), 2, 4, 8.
    const auto byte = static_cast<unsigned char>(c);
    quarters += static_cast<uint32_t>(byte < 0x80) + 2u * static_cast<uint32_t>(byte >= 0xC0) +
                2u * static_cast<uint32_t>(byte >= 0xE0) + 4u * static_cast<uint32_t>(byte >= 0xF0);
  }
  if (quarters == 0 && !text.empty()) return 1;
  return static_cast<uint32_t>(std::min<uint64_t>((quarters + 3) / 4, UINT32_MAX));
}

}  // namespace mw::llm
