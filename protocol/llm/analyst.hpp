// One structured LLM call: builds the request for whichever endpoint is configured, sends it, validates the
// answer in code, and says in one errc how it ended (docs/design.md 6). What a deployment teaches is
// kept for it and the question sent again at once, inside one analyse(): a refused parameter is dropped or
// renamed, a model that thinks gets room for it, a refused Entra token is replaced once. Splitting,
// repairing, waiting and giving up are the caller's policy.
// Thread-safe; `done` runs once on the HTTP client's loop thread, never later than the configured time-out
// allows.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/azure/token_source.hpp"
#include "protocol/chat/conversation.hpp"
#include "protocol/http/client.hpp"
#include "protocol/llm/embedding.hpp"
#include "protocol/llm/quota.hpp"
#include "protocol/memory/commit.hpp"

namespace mw::llm {

/// One message as the prompt shows it: numbered m1, m2, ... in order.
struct prompt_message {
  chat::role from = chat::role::user;
  std::string text;
  memory::watermark position;
  bool fresh = true;    ///< false: shown for context only, never evidence
  int64_t said_us = 0;  ///< when it was said, epoch (chat/said_times.hpp); 0: by its position's timestamp
  uint32_t place = 0;   ///< its place in the conversation, from 1 on
  uint32_t offset = 0;  ///< where this text begins in the message, bytes: it is shown in parts
  uint32_t part = 0;    ///< which of its parts, from 1 on; 0: the message is whole
  uint32_t parts = 0;
};

struct analysis_input {
  std::string user_id;
  std::string session_id;
  std::string title;
  std::array<std::vector<std::string>, memory::category_count> profile;
  std::string previous_summary;          ///< empty: none (placeholders of the Python worker are none)
  std::vector<prompt_message> messages;  ///< in order
};

struct call_limits {
  uint32_t max_output_tokens = 1500;
  std::string repair_answer;  ///< the invalid answer to be repaired, or empty
  std::string repair_reason;  ///< why it was invalid
  /// Numbers of the operations in repair_answer whose quotes are to be copied anew, from 1 on; empty: the
  /// whole answer is to be repaired.
  std::vector<uint32_t> repair_quotes;
};

enum class drop_cause : uint8_t {
  not_fresh,  ///< message number unknown or not among the new ones
  not_user,   ///< the message is not the user's
  no_quote,   ///< the quote is not in the message
  malformed,  ///< unknown category or op, empty or oversized item, or too many operations
  secret,     ///< the quote or the item holds a secret (memory/secrets.hpp)
};
inline constexpr size_t drop_causes = 5;
std::string_view to_string(drop_cause c);

struct dropped_operation {
  drop_cause cause = drop_cause::malformed;
  uint32_t number = 0;         ///< its place in the answer, from 1 on
  uint32_t message = 0;        ///< the message it names, from 1 on; 0: none
  bool nearly_quoted = false;  ///< no_quote, but the user used most of its words (near_quote.hpp)
};

/// Validated: texts trimmed, counts and lengths enforced, every operation's evidence checked.
struct analysis {
  std::string summary;
  std::vector<std::string> themes;
  std::vector<std::string> persons;
  std::vector<std::string> places;
  memory::sentiment user_sentiment = memory::sentiment::neutral;
  std::vector<memory::operation> operations;
  std::array<uint32_t, drop_causes> dropped_by{};
  std::vector<dropped_operation> dropped;  ///< the first max_operations of them
  uint32_t dropped_for(drop_cause c) const { return dropped_by.at(static_cast<size_t>(c)); }
};

struct answer {
  result<analysis> outcome = fail(dependency::llm, errc::internal, "not called");
  memory::usage used;  ///< also set where the outcome is a failure that was billed
  std::string model;
  std::string raw;  ///< content text, for a repair; empty where there was none
  std::chrono::milliseconds elapsed{};
  quotas left;
  std::optional<embedding> embedded;  ///< of the outcome's summary, where embeddings are configured
};

/// What a probe told, and cost.
struct probe_answer {
  status well = fail(dependency::llm, errc::internal, "not called");
  memory::usage used;  ///< also set where the answer is a failure that was billed
};

struct analyst_options {
  std::string endpoint;  ///< see endpoint.hpp
  std::string api_key;
  std::string api_version;  ///< empty: the shape's default
  std::string
      model;  ///< body.model for the v1 and plain shapes; empty: from the path, or the server's default
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds request_timeout{60'000};
  std::chrono::milliseconds probe_timeout{60'000};
  std::optional<double> temperature;
  std::string reasoning_effort;
  std::shared_ptr<azure::token_source> identity;  ///< null: the key, or nothing
  std::string scope;                              ///< of the identity's tokens
};

class analyst {
 public:
  /// misconfigured where the endpoint is not a usable URL; detail says which shapes are. The HTTP client must
  /// outlive the analyst; calls still running when the analyst goes end as `cancelled`.
  static result<std::unique_ptr<analyst>> create(http::client& http, analyst_options options);
  ~analyst();
  /// `input` is read until `done` runs and not changed meanwhile; its owner may take it apart afterwards.
  uint64_t analyse(std::shared_ptr<const analysis_input> input, const call_limits& limits,
                   std::function<void(answer)> done);
  void cancel(uint64_t id);
  /// Of calls sent from now on.
  void set_request_timeout(std::chrono::milliseconds limit);
  /// One cheap authenticated call (few tokens): is the deployment there and does it let us in? It has a
  /// time-out of its own, the shorter of the two.
  void probe(std::function<void(probe_answer)> done);

 private:
  class impl;
  explicit analyst(std::shared_ptr<impl> i);
  std::shared_ptr<impl> impl_;
};

/// Estimated tokens of a text (bytes/4 for ASCII, more for other scripts); never 0 for a non-empty text.
uint32_t estimate_tokens(std::string_view text);
/// The size of the longest beginning, in bytes, that has at most so many estimated tokens; cuts no character.
size_t bytes_of_tokens(std::string_view text, uint32_t max_tokens);

}  // namespace mw::llm
