// Token arithmetic of the stand-in: an estimate of a text's tokens, and the provider's prompt cache (prompts
// of 1,024 tokens or more; identical beginnings count in steps of 128 tokens). Estimates are pure; the cache
// is not synchronised: one owner.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_set>

namespace mw::standin {

/// About a token per four ASCII bytes, one per other letter.
uint64_t count_tokens(std::string_view text);

class prompt_cache {
 public:
  /// Cached tokens of this prompt under this key; the prompt is remembered.
  uint64_t look_up(std::string_view key, std::string_view prompt);

 private:
  std::unordered_set<uint64_t> seen_;
};

}  // namespace mw::standin
