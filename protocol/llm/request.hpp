// The body of a chat completions request, and what a deployment taught us about it: which parameters it
// refuses. Pure; the analyst keeps one `dialect` per deployment and asks again after learn() said that
// something changed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/llm/analyst.hpp"

namespace mw::llm {

enum class output_format : uint8_t { strict_schema, any_json, none };

/// What this deployment takes; everything until it says otherwise.
struct dialect {
  std::string_view token_limit = "max_completion_tokens";  ///< else max_tokens, else empty: none
  output_format format = output_format::strict_schema;
  bool temperature = true;
  bool reasoning_effort = true;
  bool prompt_cache_key = true;
  bool operator==(const dialect&) const = default;
};

/// Changes the dialect after the parameter (its name up to the first '.') was refused. false: it is not one
/// that can be renamed, weakened or left out.
bool learn(dialect& d, std::string_view parameter);
/// The refused parameter among those that `text` (an error message) names; empty: none of ours.
std::string_view parameter_in(std::string_view text);
bool is_adjustable(std::string_view parameter);

struct request_settings {
  std::string model;  ///< empty: not sent
  std::optional<double> temperature;
  std::string reasoning_effort;
};

/// What the request asks: a conversation, or (with a repair answer or reason in `limits`) the exchange of a
/// repair.
std::string render_request(const analysis_input& input, const call_limits& limits,
                           const request_settings& settings, const dialect& d);
/// A few tokens, no schema.
std::string render_probe(const request_settings& settings, const dialect& d);

}  // namespace mw::llm
