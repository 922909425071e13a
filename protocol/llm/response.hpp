// What came back from a chat completions endpoint, as one errc or the answer's text
// (docs/design.md 6). An error counts as the status that it stands for, also inside a 200 (error_words.hpp).
// Of several choices the first with text is taken; text is read from strings and parts, and where there is
// none from a tool's call or from what was thought. Pure. Failure texts name status, error code and
// parameter, never the peer's message: that may quote the key or the conversation.
//   refused, content_filtered, truncated, context_too_long, unsupported_parameter (detail: the parameter's
//   name), throttled and overloaded (retry_after set where the peer said it), unauthorized, forbidden,
//   not_found, misconfigured (redirect), rejected, malformed (not a chat completion), invalid_answer (no
//   text)
#pragma once

#include <optional>
#include <string>

#include "protocol/http/client.hpp"
#include "protocol/llm/quota.hpp"
#include "protocol/memory/documents.hpp"

namespace mw::llm {

struct reply {
  result<std::string> content = fail(dependency::llm, errc::internal, "not read");
  memory::usage used;  ///< tokens only; `calls` is the caller's
  std::string model;   ///< as the server names it, or empty
  std::string raw;     ///< content text even where it is not usable (cut off), or empty
  quotas left;
  /// Of a request refused because its output limit is above what the model can give: what it can.
  std::optional<uint32_t> output_cap;
};

/// How the request was let in: what is said of a 401.
enum class sign_in : uint8_t { none, key, token };

reply read_reply(const http::response& r, const std::string& host, std::chrono::system_clock::time_point now,
                 sign_in how = sign_in::key);

/// The failure that a response to another operation of the same endpoint is; nullopt: it is a 200 without an
/// error inside.
std::optional<failure> read_refusal(const http::response& r, const std::string& host,
                                    std::chrono::system_clock::time_point now, sign_in how = sign_in::key);

}  // namespace mw::llm
