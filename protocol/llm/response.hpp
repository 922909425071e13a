// What came back from a chat completions endpoint, as one errc or the answer's text (reference: llm,
// outcomes). Knows the error shapes of Azure OpenAI, OpenAI and the servers that imitate them. Pure. Failure
// texts name status, error code and parameter, never the peer's message: that may quote the key or the
// conversation.
//   refused, content_filtered, truncated, context_too_long, unsupported_parameter (detail: the parameter's
//   name), throttled and overloaded (retry_after set where the peer said it), unauthorized, forbidden,
//   not_found, misconfigured (redirect), rejected, malformed (not a chat completion), invalid_answer (no
//   text)
#pragma once

#include <optional>
#include <string>

#include "protocol/http/client.hpp"
#include "protocol/memory/documents.hpp"

namespace mw::llm {

struct reply {
  result<std::string> content = fail(dependency::llm, errc::internal, "not read");
  memory::usage used;  ///< tokens only; `calls` is the caller's
  std::string model;   ///< as the server names it, or empty
  std::string raw;     ///< content text even where it is not usable (cut off), or empty
  std::optional<uint64_t> remaining_requests;
  std::optional<uint64_t> remaining_tokens;
};

reply read_reply(const http::response& r, const std::string& host, std::chrono::system_clock::time_point now);

}  // namespace mw::llm
