#include "protocol/memory_api/http_store.hpp"

#include <algorithm>

#include "protocol/base/utf8.hpp"
#include "protocol/http/url.hpp"
#include "protocol/memory/json_fields.hpp"
#include "protocol/memory_api/commit_json.hpp"

namespace mw::memory_api {
namespace {

constexpr size_t max_detail_bytes = 200;

/// The detail of a problem+json body, one short line; empty for any other body (it may echo what we sent).
std::string problem_detail(const http::response& r) {
  if (!r.header("content-type").starts_with("application/problem+json")) return {};
  std::string detail;
  const auto done = memory::json_fields::parse(
      r.body, "problem", [&](const memory::json_fields& f) { detail = f.text("detail"); });
  if (!done) return {};
  for (char& c : detail)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return std::string{utf8_prefix(detail, max_detail_bytes)};
}

errc code_of(int status) {
  switch (status) {
    case 401:
      return errc::unauthorized;
    case 403:
      return errc::forbidden;
    case 404:
    case 405:
    case 501:
      return errc::not_found;
    case 409:
    case 412:
      return errc::conflict;
    case 413:
      return errc::too_large;
    case 429:
      return errc::throttled;
    case 408:
      return errc::overloaded;
    default:
      break;
  }
  if (status >= 500) return errc::overloaded;
  if (status >= 400) return errc::rejected;
  if (status >= 300) return errc::misconfigured;
  return errc::malformed;
}

std::string advice(errc code) {
  switch (code) {
    case errc::unauthorized:
      return "; does the token match the Memory API's MEMORY_API_TOKEN?";
    case errc::forbidden:
      return "; the token is known but not allowed to do this";
    case errc::not_found:
      return "; does MEMORY_API_ENDPOINT point to this project's Memory API?";
    case errc::misconfigured:
      return "; the endpoint redirects: set MEMORY_API_ENDPOINT to the address it redirects to";
    default:
      return {};
  }
}

failure of_memory(failure f) {
  f.from = dependency::memory;
  return f;
}

/// Hands the body of a 200 to `parse`, everything else on as a failure.
template <class Parse>
auto read_answer(const result<http::response>& answer, Parse&& parse) -> decltype(parse(std::string_view{})) {
  if (!answer) return of_memory(answer.error());
  if (answer->status != 200) return failure_of(*answer);
  auto value = parse(std::string_view{answer->body});
  if (!value) return of_memory(value.error());
  return value;
}

std::string context_path(std::string_view user_id, std::string_view session_id) {
  return "/internal/context?userId=" + http::percent_encode(user_id) +
         "&sessionId=" + http::percent_encode(session_id);
}

}  // namespace

failure failure_of(const http::response& r) {
  // 422 with our own kind of body: its database cannot hold these ids. Other programs mean other things by
  // it.
  const bool ours = r.header("content-type").starts_with("application/problem+json");
  const errc code = r.status == 422 && ours ? errc::not_storable : code_of(r.status);
  failure f = fail(dependency::memory, code, "the Memory API answered " + std::to_string(r.status));
  if (const std::string detail = problem_detail(r); !detail.empty()) f.detail += ": " + detail;
  f.detail += advice(code);
  f.retry_after = http::retry_after(r, std::chrono::system_clock::now());
  return f;
}

http_store::http_store(http::client& client, http_store_options options)
    : client_(client), options_(std::move(options)) {}

result<std::unique_ptr<http_store>> http_store::make(http::client& client, http_store_options options) {
  std::string& url = options.endpoint;
  while (url.ends_with('/')) url.pop_back();
  const size_t scheme = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  if (scheme == 0 || url.size() == scheme || url.find_first_of("?# \t", scheme) != std::string::npos)
    return fail(dependency::memory, errc::misconfigured,
                "MEMORY_API_ENDPOINT is not a URL like http://memory-api:8003");
  return std::unique_ptr<http_store>(new http_store(client, std::move(options)));
}

http::request http_store::request(const char* method, std::string path) const {
  http::request r;
  r.method = method;
  r.url = options_.endpoint + std::move(path);
  r.headers.emplace_back("accept", "application/json");
  if (!options_.token.empty()) r.headers.emplace_back("authorization", "Bearer " + options_.token);
  r.connect_timeout = options_.connect_timeout;
  r.total_timeout = options_.total_timeout;
  r.max_response_bytes = options_.max_response_bytes;
  return r;
}

void http_store::read(const std::string& user_id, const std::string& session_id,
                      std::function<void(result<memory::context>)> done) {
  client_.send(request("GET", context_path(user_id, session_id)),
               [user_id, session_id, done = std::move(done)](result<http::response> answer) {
                 auto context = read_answer(answer, parse_context);
                 const bool strange =
                     context &&
                     ((context->user && context->user->user_id != user_id) ||
                      (context->conversation && (context->conversation->user_id != user_id ||
                                                 context->conversation->session_id != session_id)));
                 if (strange)
                   context = fail(dependency::memory, errc::malformed,
                                  "the Memory API answered with the documents of somebody else");
                 done(std::move(context));
               });
}

void http_store::write(const memory::commit& c, std::string as_json,
                       std::function<void(result<memory::commit_reply>)> done) {
  http::request r = request("POST", "/internal/commit");
  r.headers.emplace_back("content-type", "application/json");
  r.body = as_json.empty() ? write_commit(c) : std::move(as_json);
  client_.send(std::move(r), [done = std::move(done)](result<http::response> answer) {
    done(read_answer(answer, parse_reply));
  });
}

void http_store::probe(std::function<void(status)> done) {
  auto ask = request("GET", context_path("memory-worker-probe", "memory-worker-probe"));
  // One that hangs must not outlast the time until the next.
  ask.total_timeout = std::min(ask.total_timeout, std::chrono::milliseconds{5'000});
  client_.send(std::move(ask), [done = std::move(done)](result<http::response> answer) {
    const auto context = read_answer(answer, parse_context);
    if (context) return done(ok);
    failure f = context.error();
    if (f.code == errc::not_found || f.code == errc::malformed)
      f = fail(dependency::memory, errc::misconfigured,
               "what answers at MEMORY_API_ENDPOINT has no /internal/context: it is not this "
               "project's Memory API (cmd/memory-api)");
    done(std::move(f));
  });
}

}  // namespace mw::memory_api
