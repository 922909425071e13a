// The stand-in's embeddings: every word moves some of the vector's numbers, so that texts sharing words are
// close; unit length, deterministic. Refuses what the real services refuse. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cmd/memory-devstack/llm/api_error.hpp"

namespace mw::standin {

struct embeddings_answer {
  std::string body;  ///< the whole answer as JSON
  uint64_t prompt_tokens = 0;
};

std::vector<float> embed(std::string_view text, size_t dimensions);
std::variant<embeddings_answer, api_error> answer_embeddings(std::string_view request_body,
                                                             std::string_view path_model);

}  // namespace mw::standin
