// What an LLM says about its quota in the headers of an answer: x-ratelimit-remaining-, -limit- and -reset-
// of requests and tokens. Some deployments always say -1 or 0; what cannot be meant reads as not said. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/http/client.hpp"

namespace mw::llm {

struct quota {
  std::optional<uint64_t> remaining;
  uint64_t limit = 0;                 ///< a minute; 0: not said
  std::chrono::milliseconds reset{};  ///< until all of it is back; 0: not said
};

struct quotas {
  quota requests;
  quota tokens;
};

quotas read_quotas(const http::response& r);

/// "12" (seconds, Azure), "6m0s", "1.5s" or "17ms" (OpenAI); 0 for anything else, at most an hour.
std::chrono::milliseconds read_reset(std::string_view text);

}  // namespace mw::llm
