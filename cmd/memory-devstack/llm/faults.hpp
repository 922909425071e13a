// The stand-in's fault knobs. A rule says what goes wrong and when: the next N matching requests, a share of
// them, or always; matching can be narrowed by a word in the prompt, by a parameter being sent, or by prompt
// size. The first rule that applies wins. Not synchronised: the service guards it. Randomness is a parameter.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"

namespace mw::standin {

enum class fault_kind : uint8_t {
  throttle,
  error,
  hang,
  cut,
  malformed_body,
  malformed_json,
  schema_violation,
  wrong_quote,
  empty_words,
  refusal,
  prompt_filter,
  output_filter,
  length,
  unsupported_parameter,
  context_length,
  unauthorized,
};
std::string_view to_string(fault_kind k);

struct fault_rule {
  fault_kind kind = fault_kind::error;
  uint64_t next = 0;  ///< how many more requests; 0 with rate 1: no limit
  double rate = 1.0;
  std::string trigger;            ///< applies only to prompts with this word
  bool embeddings = false;        ///< applies to embeddings instead of chat
  int status = 500;               ///< error
  int64_t retry_after_ms = 1000;  ///< throttle
  int64_t hang_ms = 600'000;
  int64_t cut_after = 0;      ///< bytes of the answer
  std::string param;          ///< unsupported_parameter
  uint64_t above_tokens = 0;  ///< context_length
  uint64_t hits = 0;
  bool limited = false;  ///< `next` counts
};

struct fault_question {
  bool embeddings = false;
  std::string prompt;  ///< what the conversation's messages say
  uint64_t tokens = 0;
  const std::vector<std::string>* parameters = nullptr;
};

struct fault_settings {
  std::optional<double> latency_median_ms;
  std::optional<double> latency_sigma;
  bool clear = false;
  std::vector<fault_rule> rules;
};

/// Reads the body of POST /_admin/faults; rejected: detail names the field.
result<fault_settings> parse_fault_settings(std::string_view json);

class fault_plan {
 public:
  void add(fault_rule rule) { rules_.push_back(std::move(rule)); }
  void clear() { rules_.clear(); }
  std::optional<fault_rule> pick(const fault_question& q, std::mt19937_64& random);
  const std::vector<fault_rule>& rules() const { return rules_; }

 private:
  std::vector<fault_rule> rules_;
};

}  // namespace mw::standin
