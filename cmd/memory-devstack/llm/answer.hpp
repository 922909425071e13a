// The body of a chat completion: content for the request (structured, JSON object or plain text), then the
// ways it can be bad on purpose. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cmd/memory-devstack/llm/chat_request.hpp"
#include "cmd/memory-devstack/llm/counters.hpp"
#include "cmd/memory-devstack/llm/faults.hpp"

namespace mw::standin {

struct completion {
  std::string content;
  bool refused = false;  ///< content is null, message.refusal set
  std::string finish_reason = "stop";
};

/// `fault`: a kind that spoils the answer (malformed_json, schema_violation, wrong_quote, empty_words (a
/// summary that says nothing), refusal, output_filter, length); others leave it as it is. An answer above the
/// request's output limit ends with finish_reason length.
completion complete(const chat_request& r, const transcript& t, std::optional<fault_kind> fault);

/// The answer's JSON. Azure adds its filter results.
std::string completion_body(const completion& c, flavour f, std::string_view model, std::string_view id,
                            int64_t created, const token_use& tokens);

}  // namespace mw::standin
