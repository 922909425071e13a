#include "protocol/llm/response.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/chat/json_document.hpp"
#include "protocol/llm/error_words.hpp"
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
  if (status == 200) text += ", which stands for " + std::to_string(stands_for(e));
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
  if (context_exceeded(e) || status == 413 || e.status == 413)
    return explain(errc::context_too_long, status, e, host, "the prompt is longer than the model takes");
  // A model that thinks had no token left for a word: some deployments call that a bad request.
  if (says(e, {"model output limit was reached"}))
    return explain(errc::truncated, status, e, host, "the output limit was used up before the answer came");
  if (auto parameter = refused_parameter(e); !parameter.empty())
    return fail(dependency::llm, errc::unsupported_parameter, std::move(parameter));
  return explain(errc::rejected, status, e, host, e.param.empty() ? "" : "parameter " + identifier(e.param));
}

/// Azure answers 401 both to a token that is no good and to an identity without a role.
failure not_let_in(int status, const error_words& e, const std::string& host, sign_in how, int meant) {
  if (meant == 403 || e.code == "PermissionDenied")
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

/// `status` is the response's own; 200 where a gateway wrapped the failure in one.
failure read_failure(int status, const error_words& e, const std::string& host, sign_in how) {
  int meant = status == 200 ? stands_for(e) : status;
  // Some say what passes by itself in the status of a bad request.
  if (const int named = named_status(e); (meant == 400 || meant == 422) && (named == 429 || named >= 500))
    meant = named;
  if (meant == 401 || meant == 403) return not_let_in(status, e, host, how, meant);
  if (meant == 404)
    return explain(errc::not_found, status, e, host, "no such deployment or path; check the endpoint");
  if (meant == 429) return explain(errc::throttled, status, e, host, "asked to slow down");
  if (meant == 408 || meant >= 500)
    return explain(errc::overloaded, status, e, host, "the service is not available");
  if (meant < 400) return explain(errc::misconfigured, status, e, host, "not an answer; check the endpoint");
  return bad_request(status, e, host);
}

std::string text_of_parts(const simdjson::dom::array& parts) {
  std::string out;
  object part;
  for (const auto p : parts) {
    if (p.is_string()) out += text_or_empty(p);
    if (p.get(part) != simdjson::SUCCESS) continue;
    const std::string_view type = text_at(part, "type");
    const bool thought =
        type.find("think") != std::string_view::npos || type.find("reason") != std::string_view::npos;
    if (!thought) out += text_at(part, "text");
  }
  return out;
}

/// A string, the text parts of an array, or an object in place of its text.
std::string text_of(const simdjson::simdjson_result<element>& value) {
  element e;
  simdjson::dom::array parts;
  object whole;
  if (value.get(e) != simdjson::SUCCESS) return {};
  if (e.get(parts) == simdjson::SUCCESS) return text_of_parts(parts);
  if (e.get(whole) != simdjson::SUCCESS) return std::string{text_or_empty(e)};
  const std::string_view text = text_at(whole, "text");
  return text.empty() ? simdjson::minify(e) : std::string{text};
}

/// Where the content is empty: some servers put the answer into a call of a tool, or into what was thought.
std::string text_elsewhere(const object& message) {
  object call;
  if (message["tool_calls"].at(0)["function"].get(call) == simdjson::SUCCESS)
    if (auto text = text_of(call["arguments"]); !text.empty()) return text;
  if (message["function_call"].get(call) == simdjson::SUCCESS)
    if (auto text = text_of(call["arguments"]); !text.empty()) return text;
  for (const std::string_view name : {"parsed", "reasoning_content", "reasoning"})
    if (auto text = text_of(message.at_key(name)); !text.empty()) return text;
  return {};
}

bool refuses(const object& message) {
  if (!text_at(message, "refusal").empty()) return true;
  simdjson::dom::array parts;
  if (message["content"].get(parts) != simdjson::SUCCESS) return false;
  return std::any_of(parts.begin(), parts.end(), [](const element& part) {
    object o;
    return part.get(o) == simdjson::SUCCESS && text_at(o, "type") == "refusal";
  });
}

/// Of several choices the first that was ended and has text, else the first.
bool find_choice(const object& root, object& choice, object& message) {
  simdjson::dom::array choices;
  if (root["choices"].get(choices) != simdjson::SUCCESS) return false;
  bool found = false;
  for (const auto c : choices) {
    object other;
    object said;
    if (c.get(other) != simdjson::SUCCESS || other["message"].get(said) != simdjson::SUCCESS) continue;
    const bool good = text_at(other, "finish_reason") == "stop" && !text_of(said["content"]).empty();
    if (found && !good) continue;
    found = true;
    choice = other;
    message = said;
    if (good) break;
  }
  return found;
}

void read_choice(const object& root, reply& out) {
  const auto failed = [](errc code, const char* text) { return fail(dependency::llm, code, text); };
  object choice;
  object message;
  if (!find_choice(root, choice, message)) {
    out.content =
        failed(errc::malformed, "the answer holds no message; is the endpoint a chat completions one?");
    return;
  }
  const std::string_view reason = text_at(choice, "finish_reason");
  out.raw = text_of(message["content"]);
  if (refuses(message) || reason == "refusal") {
    out.content = failed(errc::refused, "the model refused");
  } else if (reason == "content_filter" || reason == "safety" || reason == "SAFETY") {
    out.content = failed(errc::content_filtered, "the content filter cut the answer off");
  } else if (reason == "length" || reason == "max_tokens" || reason == "MAX_TOKENS") {
    out.content = failed(errc::truncated, "the answer was cut off at the output limit");
  } else if (out.raw.empty() && (out.raw = text_elsewhere(message)).empty()) {
    out.content = failed(errc::invalid_answer, "the answer has no text");
  } else {
    out.content = out.raw;
  }
}

/// The error that an answer is; nullopt: it is to be read on.
std::optional<error_words> words_in(const http::response& r, const chat::json_document& document) {
  const bool readable = document.error() == nullptr;
  if (r.status != 200)
    return readable ? read_error(document.root()) : error_in_text(r.body).value_or(error_words{});
  return readable ? error_inside(document.root()) : error_in_text(r.body);
}

std::optional<failure> refusal_in(const http::response& r, const chat::json_document& document,
                                  const std::string& host, std::chrono::system_clock::time_point now,
                                  sign_in how, std::optional<uint32_t>* output_cap) {
  const auto words = words_in(r, document);
  if (!words) return std::nullopt;
  auto why = read_failure(r.status, *words, host, how);
  if (why.code == errc::throttled || why.code == errc::overloaded) {
    why.retry_after = http::retry_after(r, now);
    if (why.retry_after == std::chrono::milliseconds{0}) why.retry_after = words->retry_after;
  }
  if (why.code == errc::rejected && output_cap != nullptr) *output_cap = largest_output(*words);
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
  if (readable) read_usage(root, out.used);
  if (auto why = refusal_in(r, document, host, now, how, &out.output_cap)) {
    out.content = std::move(*why);
    return out;
  }
  if (!readable) {
    std::string text = "the answer of " + host + " is not a JSON object";
    if (document.error() != nullptr) text.append(": ").append(document.error());
    out.content = fail(dependency::llm, errc::malformed, std::move(text));
    return out;
  }
  out.model = text_at(root, "model");
  read_choice(root, out);
  return out;
}

std::optional<failure> read_refusal(const http::response& r, const std::string& host,
                                    std::chrono::system_clock::time_point now, sign_in how) {
  const chat::json_document document{r.body};
  return refusal_in(r, document, host, now, how, nullptr);
}

}  // namespace mw::llm
