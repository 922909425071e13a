// What the stand-in counts for its users' tests: requests by outcome, tokens, concurrency, and how often each
// fresh message was analysed (to show that none was paid for twice). Thread-safe; no conversation text is
// kept, only hashes.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cmd/memory-devstack/llm/transcript.hpp"

namespace mw::standin {

struct token_use {
  uint64_t prompt = 0;
  uint64_t cached = 0;
  uint64_t completion = 0;
};

class counters {
 public:
  void entered();
  /// `outcome`: "ok", a fault's name, or "refused" for a request that a real service would refuse too.
  void left(bool embeddings, std::string_view outcome, const token_use& tokens);
  /// An answer was given for these lines. A prompt names neither user nor session: conversations are told
  /// apart by their title.
  void analysed(const transcript& t);
  /// {"requests","chat","embeddings","outcomes":{},"tokens":{},"in_flight","max_in_flight",
  ///  "titles":{TITLE: answers},"messages":{"distinct","analysed","max_times"}}
  std::string json() const;
  void reset();

 private:
  mutable std::mutex mutex_;
  uint64_t chat_ = 0;
  uint64_t embeddings_ = 0;
  uint64_t in_flight_ = 0;
  uint64_t max_in_flight_ = 0;
  token_use tokens_;
  std::map<std::string, uint64_t> outcomes_;
  std::map<std::string, uint64_t> titles_;
  std::unordered_map<size_t, uint64_t> message_times_;
  uint64_t messages_analysed_ = 0;
};

}  // namespace mw::standin
