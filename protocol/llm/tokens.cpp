#include <algorithm>
#include <cstring>

#include "protocol/llm/analyst.hpp"

namespace mw::llm {
namespace {

bool all_ascii(const char* eight) {
  uint64_t bytes = 0;
  std::memcpy(&bytes, eight, sizeof bytes);
  return (bytes & 0x8080808080808080) == 0;
}

}  // namespace

uint32_t estimate_tokens(std::string_view text) {
  // In quarters of a token, by the length of the code point: Latin letters share a token, ideographs have
  // one each, emoji take two.
  uint64_t quarters = 0;
  for (size_t i = 0; i < text.size();) {
    if (text.size() - i >= 8 && all_ascii(text.data() + i)) {
      quarters += 8;
      i += 8;
      continue;
    }
    const auto byte = static_cast<unsigned char>(text[i++]);
    if (byte < 0x80)
      quarters += 1;
    else if (byte >= 0xF0)
      quarters += 8;
    else if (byte >= 0xE0)
      quarters += 4;
    else if (byte >= 0xC0)
      quarters += 2;
  }
  if (quarters == 0 && !text.empty()) return 1;
  return static_cast<uint32_t>(std::min<uint64_t>((quarters + 3) / 4, UINT32_MAX));
}

}  // namespace mw::llm
