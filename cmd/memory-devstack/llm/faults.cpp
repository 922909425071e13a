#include "cmd/memory-devstack/llm/faults.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>

#include "cmd/memory-devstack/llm/text.hpp"

namespace mw::standin {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::array<std::string_view, 16> kind_names{"throttle",
                                                      "error",
                                                      "hang",
                                                      "cut",
                                                      "malformed_body",
                                                      "malformed_json",
                                                      "schema_violation",
                                                      "wrong_quote",
                                                      "empty_words",
                                                      "refusal",
                                                      "prompt_filter",
                                                      "output_filter",
                                                      "length",
                                                      "unsupported_parameter",
                                                      "context_length",
                                                      "unauthorized"};

failure refuse(std::string detail) {
  return fail(errc::rejected, std::move(detail));
}

bool read_number(element e, double& out) {
  if (e.get(out) == simdjson::SUCCESS) return true;
  int64_t n = 0;
  if (e.get(n) != simdjson::SUCCESS) return false;
  out = static_cast<double>(n);
  return true;
}

status read_kind(element e, fault_rule& rule) {
  std::string_view kind;
  if (e.get(kind) != simdjson::SUCCESS) return refuse("kind must be a string");
  const auto* const at = std::find(kind_names.begin(), kind_names.end(), kind);
  if (at == kind_names.end()) return refuse("unknown kind '" + std::string{kind} + "'");
  rule.kind = static_cast<fault_kind>(at - kind_names.begin());
  return ok;
}

status read_text(std::string_view name, element e, std::string& out) {
  std::string_view text;
  if (e.get(text) != simdjson::SUCCESS) return refuse(std::string{name} + " must be a string");
  out = text;
  return ok;
}

status read_field(std::string_view name, element e, fault_rule& rule) {
  if (name == "kind") return read_kind(e, rule);
  if (name == "trigger") return read_text(name, e, rule.trigger);
  if (name == "param") return read_text(name, e, rule.param);
  if (name == "embeddings") {
    if (e.get(rule.embeddings) != simdjson::SUCCESS) return refuse("embeddings must be true or false");
    return ok;
  }
  double n = 0;
  if (!read_number(e, n) || n < 0) return refuse(std::string{name} + " must be a number of 0 or more");
  if (name == "next") {
    rule.next = static_cast<uint64_t>(n);
    rule.limited = true;
  } else if (name == "rate") {
    if (n > 1) return refuse("rate must be between 0 and 1");
    rule.rate = n;
  } else if (name == "status") {
    if (n < 400 || n > 599) return refuse("status must be between 400 and 599");
    rule.status = static_cast<int>(n);
  } else if (name == "retry_after_ms") {
    rule.retry_after_ms = static_cast<int64_t>(n);
  } else if (name == "hang_ms") {
    rule.hang_ms = static_cast<int64_t>(n);
  } else if (name == "cut_after") {
    rule.cut_after = static_cast<int64_t>(n);
  } else if (name == "above_tokens") {
    rule.above_tokens = static_cast<uint64_t>(n);
  } else {
    return refuse("unknown field '" + std::string{name} + "'");
  }
  return ok;
}

result<fault_rule> read_rule(element e) {
  object o;
  if (e.get(o) != simdjson::SUCCESS) return refuse("a fault must be an object");
  if (o["kind"].error()) return refuse("a fault needs a kind");
  fault_rule rule;
  for (const auto [name, value] : o)
    if (const auto s = read_field(name, value, rule); !s) return s.error();
  if (rule.kind == fault_kind::unsupported_parameter && rule.param.empty())
    return refuse("unsupported_parameter needs param");
  return rule;
}

bool applies(const fault_rule& rule, const fault_question& q) {
  if (rule.embeddings != q.embeddings || (rule.limited && rule.next == 0)) return false;
  if (!rule.trigger.empty() && fold(q.prompt).find(fold(rule.trigger)) == std::string::npos) return false;
  if (rule.kind == fault_kind::context_length && q.tokens <= rule.above_tokens) return false;
  if (rule.kind == fault_kind::unsupported_parameter)
    return q.parameters != nullptr &&
           std::find(q.parameters->begin(), q.parameters->end(), rule.param) != q.parameters->end();
  return true;
}

}  // namespace

std::string_view to_string(fault_kind k) {
  return kind_names[static_cast<size_t>(k)];
}

result<fault_settings> parse_fault_settings(std::string_view json) {
  simdjson::dom::parser parser;
  element root_element;
  object root;
  if (parser.parse(json.data(), json.size()).get(root_element) != simdjson::SUCCESS ||
      root_element.get(root) != simdjson::SUCCESS)
    return refuse("the body must be a JSON object");
  fault_settings settings;
  for (const auto [name, value] : root) {
    double n = 0;
    simdjson::dom::array list;
    if (name == "clear") {
      if (value.get(settings.clear) != simdjson::SUCCESS) return refuse("clear must be true or false");
    } else if (name == "latency_median_ms" || name == "latency_sigma") {
      if (!read_number(value, n) || n < 0)
        return refuse(std::string{name} + " must be a number of 0 or more");
      (name == "latency_sigma" ? settings.latency_sigma : settings.latency_median_ms) = n;
    } else if (name == "faults") {
      if (value.get(list) != simdjson::SUCCESS) return refuse("faults must be an array");
      for (const auto item : list) {
        auto rule = read_rule(item);
        if (!rule) return rule.error();
        settings.rules.push_back(std::move(*rule));
      }
    } else {
      return refuse("unknown field '" + std::string{name} + "'");
    }
  }
  return settings;
}

std::optional<fault_rule> fault_plan::pick(const fault_question& q, std::mt19937_64& random) {
  for (auto& rule : rules_) {
    if (!applies(rule, q)) continue;
    if (rule.rate < 1 && std::uniform_real_distribution<double>{0, 1}(random) >= rule.rate) continue;
    if (rule.limited) --rule.next;
    ++rule.hits;
    return rule;
  }
  return std::nullopt;
}

}  // namespace mw::standin
