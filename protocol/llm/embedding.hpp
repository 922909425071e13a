// One vector for one text, or why there is none. `tokens` were billed either way.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "protocol/base/errors.hpp"

namespace mw::llm {

struct embedding {
  result<std::vector<float>> vector = fail(dependency::llm, errc::internal, "not made");
  uint64_t tokens = 0;
  std::chrono::milliseconds elapsed{};
  bool asked = false;  ///< false: it failed before a request was sent
};

}  // namespace mw::llm
