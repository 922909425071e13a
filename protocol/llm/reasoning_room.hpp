// How many tokens an answer needs beside its text, because the model thinks first and thinking is taken from
// the same limit. Learnt from what answers show, never guessed from a model's name; 0 until then. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mw::llm {

class reasoning_room {
 public:
  static constexpr uint32_t least = 1'024;
  static constexpr uint32_t most = 32'768;

  uint32_t tokens() const { return tokens_; }
  /// An answer thought so much: room for twice that, slowly less when it was more than is needed.
  void seen(uint64_t reasoning_tokens) {
    if (reasoning_tokens == 0) return;
    const auto wanted =
        static_cast<uint32_t>(std::clamp<uint64_t>(reasoning_tokens, least / 2, most / 2) * 2);
    tokens_ = wanted > tokens_ ? wanted : tokens_ - (tokens_ - wanted) / 32;
  }
  /// The limit was used up before a word of text came, in a call that had `room`. false: no more can be
  /// given.
  bool starved(uint32_t room) {
    if (room >= most) return false;
    tokens_ = std::max(tokens_, std::min(most, std::max(room * 4, least * 4)));
    return true;
  }

 private:
  uint32_t tokens_ = 0;
};

}  // namespace mw::llm
