// A chat completions request as the stand-in reads it, refused where the real services refuse: not JSON, no
// messages, unknown role or parameter type, max_tokens beside max_completion_tokens, a response format that
// breaks the strict subset. Pure; keeps the parsed document alive for the schema it points into.
#pragma once

#include <simdjson.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cmd/memory-devstack/llm/api_error.hpp"
#include "cmd/memory-devstack/llm/transcript.hpp"

namespace mw::standin {

struct chat_request {
  std::string model;
  std::vector<request_message> messages;
  std::vector<std::string> parameters;                ///< names of all top-level fields
  std::optional<simdjson::dom::element> json_schema;  ///< response_format.json_schema.schema
  bool json_object = false;
  uint64_t max_output_tokens = 4096;
  std::string cache_key;  ///< prompt_cache_key
  std::unique_ptr<simdjson::dom::parser> document;
};

std::variant<chat_request, api_error> parse_chat_request(std::string_view body);

}  // namespace mw::standin
