#include "cmd/memory-devstack/llm/service.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "cmd/memory-devstack/llm/answer.hpp"
#include "cmd/memory-devstack/llm/embeddings.hpp"
#include "protocol/base/json_writer.hpp"

namespace mw::standin {
namespace {

/// Versions of Azure's data-plane API that know chat completions; json_schema needs `first_structured` or
/// later.
constexpr std::array<std::string_view, 12> api_versions{
    "2024-02-01",         "2024-06-01",         "2024-08-01-preview", "2024-09-01-preview",
    "2024-10-01-preview", "2024-10-21",         "2024-12-01-preview", "2025-01-01-preview",
    "2025-02-01-preview", "2025-03-01-preview", "2025-04-01-preview", "2025-05-01-preview"};
constexpr std::string_view first_structured = "2024-08-01-preview";

std::string joined_text(const std::vector<request_message>& messages) {
  std::string text;
  for (const auto& m : messages) text.append(m.role).append(1, '\n').append(m.text).append(1, '\n');
  return text;
}

std::string presented_key(const http::server_request& request, flavour f) {
  constexpr std::string_view bearer = "Bearer ";
  if (f == flavour::azure && !request.header("api-key").empty())
    return std::string{request.header("api-key")};
  const auto header = request.header("authorization");
  return header.starts_with(bearer) ? std::string{header.substr(bearer.size())} : std::string{};
}

/// What a trigger word is looked for in: not the instructions.
std::string without_instructions(const std::vector<request_message>& messages) {
  std::string text;
  for (const auto& m : messages)
    if (m.role != "system" && m.role != "developer") text.append(m.text).append(1, '\n');
  return text;
}

http::server_response json_answer(int status, std::string body) {
  http::server_response r;
  r.status = status;
  r.body = std::move(body);
  return r;
}

void add_rate_headers(http::server_response& r, bool exhausted) {
  r.headers.emplace_back("x-ratelimit-limit-requests", "10000");
  r.headers.emplace_back("x-ratelimit-limit-tokens", "10000000");
  r.headers.emplace_back("x-ratelimit-remaining-requests", exhausted ? "0" : "9999");
  r.headers.emplace_back("x-ratelimit-remaining-tokens", exhausted ? "0" : "9990000");
}

http::server_response throttled(int64_t retry_after_ms) {
  auto r = to_response({429, "Rate limit reached for requests; wait before trying again.", "",
                        "rate_limit_exceeded", "requests", ""});
  r.headers.emplace_back("retry-after", std::to_string((retry_after_ms + 999) / 1000));
  r.headers.emplace_back("retry-after-ms", std::to_string(retry_after_ms));
  add_rate_headers(r, true);
  r.headers.emplace_back("x-ratelimit-reset-requests", std::to_string(retry_after_ms) + "ms");
  return r;
}

}  // namespace

service::service(service_options options, wait_fn wait, now_fn now)
    : options_(std::move(options)),
      wait_(std::move(wait)),
      now_(std::move(now)),
      random_(options_.seed),
      latency_median_ms_(options_.latency_median_ms),
      latency_sigma_(options_.latency_sigma) {}

std::optional<service::route> service::route_of(std::string_view path) {
  route r;
  if (path.ends_with("/chat/completions")) {
    path.remove_suffix(std::string_view{"/chat/completions"}.size());
  } else if (path.ends_with("/embeddings")) {
    path.remove_suffix(std::string_view{"/embeddings"}.size());
    r.embeddings = true;
  } else {
    return std::nullopt;
  }
  constexpr std::string_view deployments = "/openai/deployments/";
  if (path == "/v1") return r;
  r.kind = flavour::azure;
  if (path == "/openai/v1") return r;
  if (!path.starts_with(deployments)) return std::nullopt;
  r.deployment = path.substr(deployments.size());
  r.needs_api_version = true;
  if (r.deployment.empty() || r.deployment.find('/') != std::string::npos) return std::nullopt;
  return r;
}

std::optional<http::server_response> service::refused_at_the_door(const http::server_request& request,
                                                                  const route& r) const {
  const auto key = presented_key(request, r.kind);
  if (key.empty() || (!options_.api_key.empty() && key != options_.api_key)) return bad_key(r.kind);
  if (request.method != "POST") return not_there(r.kind, request.path);
  if (!r.needs_api_version) return std::nullopt;
  const auto version = request.parameter("api-version");
  if (std::find(api_versions.begin(), api_versions.end(), version) == api_versions.end())
    return not_there(r.kind, request.path);
  return std::nullopt;
}

http::server_response service::handle(const http::server_request& request) {
  if (request.path.starts_with("/_admin/")) return administer(request);
  const auto r = route_of(request.path);
  if (!r)
    return not_there(request.path.starts_with("/openai/") ? flavour::azure : flavour::openai, request.path);
  counters_.entered();
  outcome o;
  if (auto refused = refused_at_the_door(request, *r)) {
    o = {std::move(*refused), "refused", {}};
  } else {
    o = r->embeddings ? embeddings(request, *r) : chat(request, *r);
  }
  counters_.left(r->embeddings, o.name, o.tokens);
  return std::move(o.response);
}

http::server_response service::administer(const http::server_request& request) {
  if (request.path == "/_admin/stats" && request.method == "GET") return json_answer(200, counters_.json());
  if (request.path == "/_admin/stats" && request.method == "DELETE") {
    counters_.reset();
    return json_answer(200, counters_.json());
  }
  if (request.path == "/_admin/calls" && request.method == "GET") return list_calls(request);
  if (request.path != "/_admin/faults")
    return http::problem(404, "Not Found", "only /_admin/faults, /_admin/stats and /_admin/calls");
  if (request.method == "POST") return set_faults(request.body);
  const std::lock_guard lock{mutex_};
  if (request.method == "DELETE") plan_.clear();
  std::string out;
  json_writer w{out};
  w.begin_object().field("latency_median_ms", latency_median_ms_).field("latency_sigma", latency_sigma_);
  w.key("faults").begin_array();
  for (const auto& rule : plan_.rules()) {
    w.begin_object().field("kind", to_string(rule.kind)).field("hits", rule.hits).key("left");
    if (rule.limited) {
      w.value(rule.next);
    } else {
      w.null();
    }
    w.end_object();
  }
  w.end_array().end_object();
  return json_answer(200, out);
}

http::server_response service::list_calls(const http::server_request& request) const {
  if (!options_.list_calls) return http::problem(404, "Not Found", "calls are listed with --list-calls");
  const std::string from = request.parameter("from");
  uint64_t first = 1;
  const auto end = std::from_chars(from.data(), from.data() + from.size(), first);
  if (!from.empty() && (end.ec != std::errc{} || end.ptr != from.data() + from.size()))
    return http::problem(400, "Bad Request", "from must be a call's number");
  return json_answer(200, calls_.json(first));
}

http::server_response service::set_faults(std::string_view body) {
  auto settings = parse_fault_settings(body);
  if (!settings) return http::problem(400, "Bad Request", settings.error().detail);
  const std::lock_guard lock{mutex_};
  if (settings->clear) plan_.clear();
  if (settings->latency_median_ms) latency_median_ms_ = *settings->latency_median_ms;
  if (settings->latency_sigma) latency_sigma_ = *settings->latency_sigma;
  for (auto& rule : settings->rules) plan_.add(std::move(rule));
  return json_answer(200, R"({"status":"ok"})");
}

std::optional<fault_rule> service::pick(const fault_question& q) {
  const std::lock_guard lock{mutex_};
  return plan_.pick(q, random_);
}

std::chrono::milliseconds service::draw_latency() {
  const std::lock_guard lock{mutex_};
  if (latency_median_ms_ <= 0) return {};
  const double normal = std::normal_distribution<double>{0, 1}(random_);
  return std::chrono::milliseconds{std::llround(latency_median_ms_ * std::exp(latency_sigma_ * normal))};
}

std::optional<http::server_response> service::replaced_by_fault(const fault_rule& rule, flavour f,
                                                                uint64_t tokens) {
  switch (rule.kind) {
    case fault_kind::throttle:
      return throttled(rule.retry_after_ms);
    case fault_kind::error:
      return to_response({rule.status, "The server had an error while processing your request.", "", "",
                          "server_error", ""});
    case fault_kind::hang:
      wait_(std::chrono::milliseconds{rule.hang_ms});
      return to_response({504, "The request took too long.", "", "", "server_error", ""});
    case fault_kind::malformed_body:
      return json_answer(200, R"({"id":"chatcmpl-0","choices":[{"index":0,)");
    case fault_kind::prompt_filter:
      return to_response(prompt_filtered());
    case fault_kind::unsupported_parameter:
      return to_response({400,
                          "Unsupported parameter: '" + rule.param + "' is not supported with this model.",
                          rule.param, "unsupported_parameter", "invalid_request_error", ""});
    case fault_kind::context_length:
      return to_response({400,
                          "This model's maximum context length is " + std::to_string(rule.above_tokens) +
                              " tokens, but your messages came to " + std::to_string(tokens) + " tokens.",
                          "messages", "context_length_exceeded", "invalid_request_error", ""});
    case fault_kind::unauthorized:
      return bad_key(f);
    default:
      return std::nullopt;
  }
}

service::outcome service::chat(const http::server_request& request, const route& r) {
  auto parsed = parse_chat_request(request.body);
  if (const auto* e = std::get_if<api_error>(&parsed)) return {to_response(*e), "refused", {}};
  const auto& chat = std::get<chat_request>(parsed);
  // local servers fill in their only model, Azure's v1 form does not
  if (r.kind == flavour::azure && r.deployment.empty() && chat.model.empty())
    return {to_response({400, "you must provide a model parameter", "model"}), "refused", {}};
  if (r.needs_api_version && chat.json_schema && request.parameter("api-version") < first_structured)
    return {to_response({400,
                         "response_format of type json_schema needs api-version 2024-08-01-preview or later.",
                         "response_format"}),
            "refused",
            {}};
  if (!options_.list_calls) return answer_or_fault(chat, r);
  const uint64_t number = calls_.began(chat.model, read_transcript(chat.messages), now_());
  auto o = answer_or_fault(chat, r);
  calls_.ended(number, o.name, now_());
  return o;
}

service::outcome service::answer_or_fault(const chat_request& chat, const route& r) {
  const auto prompt = joined_text(chat.messages);
  token_use use;
  use.prompt = count_tokens(prompt) + 4 * chat.messages.size();
  const auto fault = pick({false, without_instructions(chat.messages), use.prompt, &chat.parameters});
  if (fault)
    if (auto response = replaced_by_fault(*fault, r.kind, use.prompt))
      return {std::move(*response), std::string{to_string(fault->kind)}, {}};
  if (const auto pause = draw_latency(); pause.count() > 0) wait_(pause);
  return answer_chat(chat, r, prompt, use, fault);
}

service::outcome service::answer_chat(const chat_request& parsed, const route& r, const std::string& prompt,
                                      token_use use, const std::optional<fault_rule>& fault) {
  const auto conversation = read_transcript(parsed.messages);
  const auto c = complete(parsed, conversation, fault ? std::optional{fault->kind} : std::nullopt);
  use.completion = count_tokens(c.content);
  std::string id = "chatcmpl-";
  {
    const std::lock_guard lock{mutex_};
    use.cached = cache_.look_up(parsed.cache_key, prompt);
    id += std::to_string(next_id_++);
  }
  const std::string model = !r.deployment.empty()  ? r.deployment
                            : parsed.model.empty() ? options_.model
                                                   : parsed.model;
  auto response = json_answer(200, completion_body(c, r.kind, model, id, now_() / 1000, use));
  response.headers.emplace_back("x-request-id", id);
  add_rate_headers(response, false);
  if (fault && fault->kind == fault_kind::cut) response.cut_after = fault->cut_after;
  if (!fault && conversation.from_worker) counters_.analysed(conversation);
  return {std::move(response), fault ? std::string{to_string(fault->kind)} : "ok", use};
}

service::outcome service::embeddings(const http::server_request& request, const route& r) {
  const auto fault = pick({true, request.body, count_tokens(request.body), nullptr});
  if (fault)
    if (auto response = replaced_by_fault(*fault, r.kind, 0))
      return {std::move(*response), std::string{to_string(fault->kind)}, {}};
  auto answer = answer_embeddings(request.body, r.deployment);
  if (const auto* e = std::get_if<api_error>(&answer)) return {to_response(*e), "refused", {}};
  if (const auto pause = draw_latency(); pause.count() > 0) wait_(pause);
  auto& good = std::get<embeddings_answer>(answer);
  auto response = json_answer(200, std::move(good.body));
  if (fault && fault->kind == fault_kind::cut) response.cut_after = fault->cut_after;
  return {
      std::move(response), fault ? std::string{to_string(fault->kind)} : "ok", {good.prompt_tokens, 0, 0}};
}

}  // namespace mw::standin
