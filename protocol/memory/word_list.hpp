// A list of words that code compares with. Called by what looks for secrets and for texts that say nothing;
// pure.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace mw::memory {

template <size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace mw::memory
