#include <emmintrin.h>

#include <algorithm>

#include "protocol/llm/analyst.hpp"

namespace mw::llm {
namespace {

bool all_ascii(const char* sixteen) {
  return _mm_movemask_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sixteen))) == 0;
}

}  // namespace

uint32_t estimate_tokens(std::string_view text) {
  // In quarters of a token, by the length of the code point: Latin letters share a token, ideographs have
  // one each, emoji take two.
  uint64_t quarters = 0;
  for (size_t i = 0; i < text.size();) {
    if (text.size() - i >= 16 && all_ascii(text.data() + i)) {
      quarters += 16;
      i += 16;
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
