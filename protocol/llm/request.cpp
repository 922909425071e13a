#include "protocol/llm/request.hpp"

#include <algorithm>
#include <array>

#include "protocol/base/json_writer.hpp"
#include "protocol/llm/prompt.hpp"
#include "protocol/llm/schema.hpp"

namespace mw::llm {
namespace {

// Longer names first: "max_tokens" is no part of "max_completion_tokens", but a message may hold both.
constexpr std::array<std::string_view, 6> adjustable{"max_completion_tokens", "prompt_cache_key",
                                                     "reasoning_effort",      "response_format",
                                                     "temperature",           "max_tokens"};
constexpr uint32_t probe_tokens = 16;

void message(json_writer& w, std::string_view role, std::string_view content) {
  w.begin_object().field("role", role).field("content", content).end_object();
}

const std::string& system_message() {
  static const std::string text = [] {
    std::string out;
    json_writer w{out};
    message(w, "system", instructions());
    return out;
  }();
  return text;
}

/// Of what every request holds beside the conversation.
size_t fixed_size() {
  return system_message().size() + analysis_schema().size() + 512;
}

void write_format(json_writer& w, const dialect& d) {
  if (d.format == output_format::none) return;
  w.key("response_format").begin_object();
  if (d.format == output_format::any_json) {
    w.field("type", "json_object");
  } else {
    w.field("type", "json_schema").key("json_schema").begin_object();
    w.field("name", "conversation_analysis").field("strict", true);
    w.key("schema").raw(analysis_schema()).end_object();
  }
  w.end_object();
}

void write_settings(json_writer& w, const request_settings& s, const dialect& d, uint32_t max_tokens) {
  if (!s.model.empty()) w.field("model", s.model);
  const uint32_t limit = d.output_cap > 0 ? std::min(d.output_cap, max_tokens) : max_tokens;
  if (!d.token_limit.empty()) w.field(d.token_limit, limit);
  if (s.temperature && d.temperature) w.field("temperature", *s.temperature);
  if (!s.reasoning_effort.empty() && d.reasoning_effort) w.field("reasoning_effort", s.reasoning_effort);
}

}  // namespace

bool is_adjustable(std::string_view parameter) {
  return std::find(adjustable.begin(), adjustable.end(), parameter.substr(0, parameter.find('.'))) !=
         adjustable.end();
}

std::string_view parameter_in(std::string_view text) {
  // The refused one is named first; what to use instead follows.
  std::string_view found;
  size_t first = std::string_view::npos;
  for (const auto name : adjustable) {
    const size_t at = text.find(name);
    if (at < first) {
      first = at;
      found = name;
    }
  }
  return found;
}

bool learn(dialect& d, std::string_view parameter) {
  const dialect before = d;
  parameter = parameter.substr(0, parameter.find('.'));
  if (parameter == "max_completion_tokens" && d.token_limit == parameter)
    d.token_limit = "max_tokens";
  else if (parameter == "max_tokens" && d.token_limit == parameter)
    d.token_limit = {};
  else if (parameter == "temperature")
    d.temperature = false;
  else if (parameter == "reasoning_effort")
    d.reasoning_effort = false;
  else if (parameter == "prompt_cache_key")
    d.prompt_cache_key = false;
  else if (parameter == "response_format" && d.format != output_format::none)
    d.format = d.format == output_format::strict_schema ? output_format::any_json : output_format::none;
  return d != before;
}

std::string render_request(const analysis_input& input, const call_limits& limits,
                           const request_settings& settings, const dialect& d) {
  std::string out;
  out.reserve(fixed_size() + estimated_size(input) + limits.repair_answer.size() * 5 / 4 +
              limits.repair_reason.size());
  json_writer w{out};
  w.begin_object().key("messages").begin_array().raw(system_message());
  out.append(R"(,{"role":"user","content":")");
  append_conversation_lines(out, input);
  out.append(R"("})");
  if (!limits.repair_answer.empty() || !limits.repair_reason.empty()) {
    if (!limits.repair_answer.empty()) message(w, "assistant", limits.repair_answer);
    message(w, "user",
            limits.repair_quotes.empty() ? repair_request(limits.repair_reason)
                                         : quotes_request(limits.repair_quotes));
  }
  w.end_array();
  write_format(w, d);
  write_settings(w, settings, d, limits.max_output_tokens);
  if (d.prompt_cache_key) w.field("prompt_cache_key", cache_key(input.user_id));
  w.end_object();
  return out;
}

std::string render_probe(const request_settings& settings, const dialect& d) {
  std::string out;
  json_writer w{out};
  w.begin_object().key("messages").begin_array();
  message(w, "user", "Answer with the word ok.");
  w.end_array();
  write_settings(w, settings, d, probe_tokens);
  w.end_object();
  return out;
}

}  // namespace mw::llm
