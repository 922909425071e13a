// The list of chat calls that a judge of crashes asks for: which messages each was about, when it came and
// how it ended. Bounded: the oldest give way. No conversation text is kept, only hashes. Thread-safe; time is
// a parameter.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/memory-devstack/llm/transcript.hpp"

namespace mw::standin {

/// FNV-1a of a message's text in 16 hexadecimal digits: the same in every language.
std::string message_hash(std::string_view text);

class call_list {
 public:
  static constexpr size_t most = 200'000;

  /// The number of the call, from 1.
  uint64_t began(std::string_view model, const transcript& t, int64_t now_ms);
  void ended(uint64_t number, std::string_view outcome, int64_t now_ms);
  /// The calls from that number on: {"calls":[{"n","model","title","began_ms","ended_ms" (0: it is out),
  /// "outcome","messages":[HASH of each new message of the user]}],"next":N}
  std::string json(uint64_t from) const;

 private:
  struct call {
    std::string model;
    std::string title;
    std::string outcome;
    std::vector<std::string> messages;
    int64_t began_ms = 0;
    int64_t ended_ms = 0;
  };
  mutable std::mutex mutex_;
  uint64_t first_ = 1;  ///< number of calls_.front()
  std::deque<call> calls_;
};

}  // namespace mw::standin
