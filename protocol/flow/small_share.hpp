// Keeps something to a small share of the calls that are made anyway: each use stands for so many calls made
// since; a few uses are saved up, and the first is there from the start. llm_analyzer keeps its repairs of
// quotes to 5 % of its calls by it. Not thread-safe; pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mw::flow {

class small_share {
 public:
  /// One use in `calls_per_use` calls, at most `most_saved` uses at once.
  small_share(uint32_t calls_per_use, uint32_t most_saved)
      : calls_per_use_(calls_per_use), most_(most_saved * calls_per_use), saved_(calls_per_use) {}

  void called() { saved_ = std::min(saved_ + 1, most_); }
  /// Whether one more use is within the share; it is used then.
  bool take() {
    if (saved_ < calls_per_use_) return false;
    saved_ -= calls_per_use_;
    return true;
  }

 private:
  uint32_t calls_per_use_;
  uint32_t most_;
  uint32_t saved_;
};

}  // namespace mw::flow
