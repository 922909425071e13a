#include "protocol/llm/response.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/chat/json_document.hpp"
#include "protocol/llm/request.hpp"

namespace mw::llm {
namespace {

using chat::text_or_empty;
using simdjson::dom::element;
using simdjson::dom::object;

std::string_view text_at(const object& o, std::string_view name) {
  element e;
  if (o.at_key(name).get(e) != simdjson::SUCCESS) return {};
  return text_or_empty(e);
}

uint64_t number_at(const object& o, std::string_view name) {
  uint64_t n = 0;
  if (o.at_key(name).get(n) != simdjson::SUCCESS) return 0;
  return n;
}

void read_usage(const object& root, memory::usage& u) {
  object usage;
  object details;
  if (root["usage"].get(usage) != simdjson::SUCCESS) return;
  u.prompt_tokens = number_at(usage, "prompt_tokens");
  u.completion_tokens = number_at(usage, "completion_tokens");
  if (usage["prompt_tokens_details"].get(details) == simdjson::SUCCESS)
    u.cached_tokens = number_at(details, "cached_tokens");
  if (usage["completion_tokens_details"].get(details) == simdjson::SUCCESS)
    u.reasoning_tokens = number_at(details, "reasoning_tokens");
}

std::optional<uint64_t> header_number(const http::response& r, std::string_view name) {
  const std::string_view text = r.header(name);
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return n;
}

/// Some deployments always say -1 or 0: a zero counts only beside a limit.
std::optional<uint64_t> remaining(const http::response& r, const std::string& what) {
  const auto left = header_number(r, "x-ratelimit-remaining-" + what);
  if (left == 0u && header_number(r, "x-ratelimit-limit-" + what).value_or(0) == 0) return std::nullopt;
  return left;
}

struct error_words {
  std::string code;
  std::string param;
  std::string type;
  std::string message;
  bool filtered = false;
};

/// {"error":{...}}, Azure's innererror, Azure gateway's bare {"statusCode","message"}, or {"error":"text"}.
error_words read_error(const object& root) {
  error_words e;
  object error;
  if (root["error"].get(error) != simdjson::SUCCESS) {
    e.message = text_at(root, "error");
    if (e.message.empty()) e.message = text_at(root, "message");
    return e;
  }
  e.code = text_at(error, "code");
  e.param = text_at(error, "param");
  e.type = text_at(error, "type");
  e.message = text_at(error, "message");
  object inner;
  e.filtered = e.code == "content_filter";
  if (error["innererror"].get(inner) == simdjson::SUCCESS)
    e.filtered = e.filtered || text_at(inner, "code") == "ResponsibleAIPolicyViolation";
  return e;
}

bool says(const error_words& e, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view w) { return e.message.find(w) != std::string::npos; });
}

/// Codes are identifiers; anything else in their place might be text that we must not repeat.
std::string identifier(const std::string& text) {
  const bool plain = text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              c == '_' || c == '-' || c == '.';
                     });
  return plain ? text : std::string{};
}

failure explain(errc code, int status, const error_words& e, const std::string& host,
                std::string_view advice) {
  std::string text = "HTTP " + std::to_string(status) + " of " + host;
  const std::string word = identifier(e.code.empty() ? e.type : e.code);
  if (!word.empty()) text += " (" + word + ")";
  if (!advice.empty()) text.append(": ").append(advice);
  return fail(dependency::llm, code, std::move(text));
}

bool context_exceeded(const error_words& e) {
  return e.code == "context_length_exceeded" || e.type == "exceed_context_size_error" ||
         says(e, {"maximum context length", "context length exceeded", "exceeds the available context size",
                  "exceeds the model's context"});
}

/// The parameter that the peer refuses, or empty. Older servers name it only in their message.
std::string refused_parameter(const error_words& e) {
  const bool coded =
      e.code == "unsupported_parameter" || e.code == "unsupported_value" || e.code == "unknown_parameter";
  const bool told =
      says(e, {"not supported", "nsupported", "nrecognized request argument", "nknown parameter",
               "nknown field", "xtra inputs are not permitted", "extra_forbidden"});
  if (!coded && !told) return {};
  if (is_adjustable(e.param)) return e.param;
  return e.param.empty() ? std::string{parameter_in(e.message)} : std::string{};
}

failure bad_request(int status, const error_words& e, const std::string& host) {
  if (e.filtered)
    return explain(errc::content_filtered, status, e, host, "the content filter refused the prompt");
  if (context_exceeded(e) || status == 413)
    return explain(errc::context_too_long, status, e, host, "the prompt is longer than the model takes");
  if (auto parameter = refused_parameter(e); !parameter.empty())
    return fail(dependency::llm, errc::unsupported_parameter, std::move(parameter));
  return explain(errc::rejected, status, e, host, e.param.empty() ? "" : "parameter " + identifier(e.param));
}

failure read_failure(int status, const error_words& e, const std::string& host) {
  if (status == 401) return explain(errc::unauthorized, status, e, host, "the key is not accepted");
  if (status == 403) return explain(errc::forbidden, status, e, host, "the key may not use this deployment");
  if (status == 404)
    return explain(errc::not_found, status, e, host, "no such deployment or path; check the endpoint");
  if (status == 429) return explain(errc::throttled, status, e, host, "asked to slow down");
  if (status == 408 || status >= 500)
    return explain(errc::overloaded, status, e, host, "the service is not available");
  if (status < 400) return explain(errc::misconfigured, status, e, host, "not an answer; check the endpoint");
  return bad_request(status, e, host);
}

/// A string, or the text parts of an array.
std::string content_text(const object& message) {
  element content;
  if (message["content"].get(content) != simdjson::SUCCESS) return {};
  simdjson::dom::array parts;
  if (content.get(parts) != simdjson::SUCCESS) return std::string{text_or_empty(content)};
  std::string out;
  object part;
  for (const auto p : parts)
    if (p.get(part) == simdjson::SUCCESS) out += text_at(part, "text");
  return out;
}

void read_choice(const object& root, reply& out) {
  const auto failed = [](errc code, const char* text) { return fail(dependency::llm, code, text); };
  simdjson::dom::array choices;
  object choice;
  object message;
  if (root["choices"].get(choices) != simdjson::SUCCESS || choices.size() == 0 ||
      choices.at(0).get(choice) != simdjson::SUCCESS || choice["message"].get(message) != simdjson::SUCCESS) {
    out.content =
        failed(errc::malformed, "the answer holds no message; is the endpoint a chat completions one?");
    return;
  }
  const std::string_view reason = text_at(choice, "finish_reason");
  out.raw = content_text(message);
  if (!text_at(message, "refusal").empty()) {
    out.content = failed(errc::refused, "the model refused");
  } else if (reason == "content_filter") {
    out.content = failed(errc::content_filtered, "the content filter cut the answer off");
  } else if (reason == "length") {
    out.content = failed(errc::truncated, "the answer was cut off at the output limit");
  } else if (out.raw.empty()) {
    out.content = failed(errc::invalid_answer, "the answer has no text");
  } else {
    out.content = out.raw;
  }
}

}  // namespace

reply read_reply(const http::response& r, const std::string& host,
                 std::chrono::system_clock::time_point now) {
  reply out;
  out.remaining_requests = remaining(r, "requests");
  out.remaining_tokens = remaining(r, "tokens");
  const chat::json_document document{r.body};
  object root;
  const bool readable = document.error() == nullptr && document.root().get(root) == simdjson::SUCCESS;
  const bool is_error = r.status != 200 || (readable && !root["error"].error() && !root["error"].is_null());
  if (is_error) {
    // A gateway may wrap a failure in a 200.
    const auto words = readable ? read_error(root) : error_words{};
    auto why = r.status == 200 ? bad_request(r.status, words, host) : read_failure(r.status, words, host);
    if (why.code == errc::throttled || why.code == errc::overloaded)
      why.retry_after = http::retry_after(r, now);
    out.content = std::move(why);
    return out;
  }
  if (!readable) {
    out.content = fail(dependency::llm, errc::malformed, "the answer of " + host + " is not a JSON object");
    return out;
  }
  read_usage(root, out.used);
  out.model = text_at(root, "model");
  read_choice(root, out);
  return out;
}

}  // namespace mw::llm
