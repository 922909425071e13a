#include "protocol/llm/response.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/chat/json_document.hpp"
#include "protocol/llm/request.hpp"

namespace mw::llm {
namespace {

using chat::text_at;
using chat::text_or_empty;
using simdjson::dom::element;
using simdjson::dom::object;

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

struct error_words {
  std::string code;
  std::string param;
  std::string type;
  std::string message;
  bool filtered = false;
};

/// What servers of FastAPI's kind say: [{"type":"extra_forbidden","loc":["body","NAME"],"msg":...}].
void read_details(const object& o, error_words& e) {
  for (const std::string_view name : {"detail", "details"}) {
    simdjson::dom::array details;
    object first;
    simdjson::dom::array place;
    if (o.at_key(name).get(details) != simdjson::SUCCESS || details.size() == 0 ||
        details.at(0).get(first) != simdjson::SUCCESS)
      continue;
    e.message.append(" ").append(text_at(first, "msg"));
    if (text_at(first, "type") == "extra_forbidden") e.code = "unknown_parameter";
    if (first["loc"].get(place) != simdjson::SUCCESS) continue;
    for (const auto step : place)
      if (step.is_string()) e.param = text_or_empty(step);
  }
}

/// {"error":{...}}, Azure's innererror, Azure gateway's bare {"statusCode","message"}, or {"error":"text"}.
error_words read_error(const object& root) {
  error_words e;
  object error;
  if (root["error"].get(error) != simdjson::SUCCESS) {
    e.message = text_at(root, "error");
    if (e.message.empty()) e.message = text_at(root, "message");
    read_details(root, e);
    if (root["message"].get(error) == simdjson::SUCCESS) read_details(error, e);
    return e;
  }
  e.code = text_at(error, "code");
  e.param = text_at(error, "param");
  e.type = text_at(error, "type");
  e.message = text_at(error, "message");
  object inner;
  read_details(error, e);
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
  const bool told = says(
      e, {"not supported", "nsupported", "nrecognized request argument", "nknown parameter", "nknown field",
          "xtra inputs are not permitted", "extra_forbidden", "enabled only for api versions"});
  if (!coded && !told) return {};
  if (is_adjustable(e.param)) return e.param;
  return e.param.empty() ? std::string{parameter_in(e.message)} : std::string{};
}

/// "max_tokens is too large: 6000. This model supports at most 4096 completion tokens, ..."
std::optional<uint32_t> largest_output(const error_words& e) {
  constexpr std::string_view phrase = "supports at most ";
  const size_t at = e.message.find(phrase);
  if (at == std::string::npos || !says(e, {"max_tokens", "max_completion_tokens"})) return std::nullopt;
  uint32_t n = 0;
  const char* const from = e.message.data() + at + phrase.size();
  const auto [end, error] = std::from_chars(from, e.message.data() + e.message.size(), n);
  return error == std::errc{} && n > 0 ? std::optional{n} : std::nullopt;
}

failure bad_request(int status, const error_words& e, const std::string& host) {
  if (e.filtered)
    return explain(errc::content_filtered, status, e, host, "the content filter refused the prompt");
  if (context_exceeded(e) || status == 413)
    return explain(errc::context_too_long, status, e, host, "the prompt is longer than the model takes");
  // A model that thinks had no token left for a word: some deployments call that a bad request.
  if (says(e, {"model output limit was reached"}))
    return explain(errc::truncated, status, e, host, "the output limit was used up before the answer came");
  if (auto parameter = refused_parameter(e); !parameter.empty())
    return fail(dependency::llm, errc::unsupported_parameter, std::move(parameter));
  return explain(errc::rejected, status, e, host, e.param.empty() ? "" : "parameter " + identifier(e.param));
}

/// Azure answers 401 both to a token that is no good and to an identity without a role.
failure not_let_in(int status, const error_words& e, const std::string& host, sign_in how) {
  if (status == 403 || e.code == "PermissionDenied")
    return explain(errc::forbidden, status, e, host,
                   how == sign_in::token
                       ? "the identity may not use this deployment; it needs the role Cognitive Services "
                         "OpenAI User on the resource, and the resource must let this network in"
                       : "the key may not use this deployment");
  switch (how) {
    case sign_in::token:
      return explain(errc::unauthorized, status, e, host,
                     "the Entra token is not accepted; is llm_analyzer.scope right for this resource?");
    case sign_in::none:
      return explain(errc::unauthorized, status, e, host,
                     "no API key is set and there is no Entra identity to sign in with");
    default:
      return explain(errc::unauthorized, status, e, host, "the key is not accepted");
  }
}

failure read_failure(int status, const error_words& e, const std::string& host, sign_in how) {
  if (status == 401 || status == 403) return not_let_in(status, e, host, how);
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

/// The failure of an answer that is none; nullopt: it is to be read on.
std::optional<failure> refusal_in(const http::response& r, const object* root, const std::string& host,
                                  std::chrono::system_clock::time_point now, sign_in how,
                                  std::optional<uint32_t>* output_cap) {
  const bool told = root != nullptr && !(*root)["error"].error() && !(*root)["error"].is_null();
  if (r.status == 200 && !told) return std::nullopt;
  const auto words = root != nullptr ? read_error(*root) : error_words{};
  // A gateway may wrap a failure in a 200.
  auto why = r.status == 200 ? bad_request(r.status, words, host) : read_failure(r.status, words, host, how);
  if (why.code == errc::throttled || why.code == errc::overloaded)
    why.retry_after = http::retry_after(r, now);
  if (why.code == errc::rejected && output_cap != nullptr) *output_cap = largest_output(words);
  return why;
}

}  // namespace

reply read_reply(const http::response& r, const std::string& host, std::chrono::system_clock::time_point now,
                 sign_in how) {
  reply out;
  out.left = read_quotas(r);
  const chat::json_document document{r.body};
  object root;
  const bool readable = document.error() == nullptr && document.root().get(root) == simdjson::SUCCESS;
  if (auto why = refusal_in(r, readable ? &root : nullptr, host, now, how, &out.output_cap)) {
    out.content = std::move(*why);
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

std::optional<failure> read_refusal(const http::response& r, const std::string& host,
                                    std::chrono::system_clock::time_point now, sign_in how) {
  if (r.status == 200) return std::nullopt;
  const chat::json_document document{r.body};
  object root;
  const bool readable = document.error() == nullptr && document.root().get(root) == simdjson::SUCCESS;
  return refusal_in(r, readable ? &root : nullptr, host, now, how, nullptr);
}

}  // namespace mw::llm
