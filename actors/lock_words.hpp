// A lock token as two numbers, which is how messages carry it (CAF 0.17 cannot inspect std::array).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <utility>

namespace mw {

inline std::pair<uint64_t, uint64_t> words_of(const std::array<uint8_t, 16>& token) {
  const auto words = std::bit_cast<std::array<uint64_t, 2>>(token);
  return {words[0], words[1]};
}

inline std::array<uint8_t, 16> token_of(uint64_t high, uint64_t low) {
  return std::bit_cast<std::array<uint8_t, 16>>(std::array<uint64_t, 2>{high, low});
}

}  // namespace mw
