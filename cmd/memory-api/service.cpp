#include "cmd/memory-api/service.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <optional>

#include "cmd/memory-api/handlers.hpp"
#include "cmd/memory-api/validate.hpp"

namespace mw::api {
namespace {

struct route_row {
  std::string_view method;
  std::string_view pattern;  ///< {name} takes one segment
  handler run;
};

constexpr std::array<route_row, 13> routes{{
    {"GET", "api/memory/users/{userId}/memories", get_memories},
    {"DELETE", "api/memory/users/{userId}/memories", delete_memories},
    {"POST", "api/memory/users/{userId}/memories/search", search_memories},
    {"DELETE", "api/memory/users/{userId}/memories/{category}", delete_item},
    {"GET", "api/memory/users/{userId}/conversations", list_conversations},
    {"POST", "api/memory/users/{userId}/conversations/search", search_conversations},
    {"GET", "api/memory/users/{userId}/conversations/{sessionId}", get_conversation},
    {"DELETE", "api/memory/users/{userId}/conversations/{sessionId}", delete_conversation},
    {"GET", "internal/context", get_context},
    {"POST", "internal/commit", post_commit},
    {"POST", "internal/conversation-memory", post_conversation_memory},
    {"POST", "internal/user-memory", post_user_memory},
    {"GET", "health", get_health},
}};

struct captured {
  std::vector<std::string> names;
  std::vector<std::string> ids;
};

/// What the placeholders hold where the path fits the pattern.
std::optional<captured> match(std::string_view pattern, const std::vector<std::string>& segments) {
  captured out;
  for (const auto& segment : segments) {
    if (pattern.empty()) return std::nullopt;
    const size_t slash = pattern.find('/');
    const auto part = pattern.substr(0, slash);
    pattern = slash == std::string_view::npos ? std::string_view{} : pattern.substr(slash + 1);
    if (part.starts_with('{')) {
      out.names.emplace_back(part.substr(1, part.size() - 2));
      out.ids.push_back(segment);
    } else if (part != segment) {
      return std::nullopt;
    }
  }
  if (!pattern.empty()) return std::nullopt;
  return out;
}

bool is_json(std::string_view content_type) {
  std::string type{content_type.substr(0, content_type.find(';'))};
  while (type.ends_with(' ')) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return type == "application/json" || type.ends_with("+json");
}

bool same_secret(std::string_view a, std::string_view b) {
  // Digests have equal lengths: neither the length nor a common prefix shows in the time taken.
  std::array<unsigned char, SHA256_DIGEST_LENGTH> left{};
  std::array<unsigned char, SHA256_DIGEST_LENGTH> right{};
  SHA256(reinterpret_cast<const unsigned char*>(a.data()), a.size(), left.data());
  SHA256(reinterpret_cast<const unsigned char*>(b.data()), b.size(), right.data());
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

http::server_response with_allow(http::server_response r, const std::string& allow) {
  r.headers.emplace_back("Allow", allow);
  return r;
}

}  // namespace

service::service(document_store& store, const log& out, service_options options)
    : store_(store), log_(out), options_(std::move(options)) {}

bool service::authorized(const http::server_request& request) const {
  if (options_.token.empty() || request.path == "/health") return true;
  const auto header = request.header("authorization");
  constexpr std::string_view scheme = "Bearer ";
  return header.starts_with(scheme) && same_secret(header.substr(scheme.size()), options_.token);
}

http::server_response service::route(const http::server_request& request) const {
  std::string allow = "OPTIONS";
  const bool preflight = request.method == "OPTIONS";
  for (const route_row& row : routes) {
    const auto path = match(row.pattern, request.segments);
    if (!path) continue;
    allow.append(", ").append(row.method);
    if (row.method != request.method) continue;
    if (!authorized(request)) {
      auto answer = http::problem(401, "Unauthorized", "send the header Authorization: Bearer TOKEN");
      answer.headers.emplace_back("WWW-Authenticate", "Bearer");
      return answer;
    }
    for (size_t i = 0; i < path->ids.size(); ++i)
      if (const auto good = check_id(path->names[i], path->ids[i]); !good) return problem_of(good.error());
    if (row.method == "POST" && !is_json(request.header("content-type")))
      return http::problem(415, "Unsupported Media Type", "send the header Content-Type: application/json");
    return row.run({store_, request, path->ids, options_.now(), log_});
  }
  if (allow.size() == std::string_view{"OPTIONS"}.size())
    return http::problem(404, "Not Found", "no such route; cmd/memory-api/README.md lists them");
  if (!preflight)
    return with_allow(http::problem(405, "Method Not Allowed", "this route takes " + allow), allow);
  http::server_response answer;
  answer.status = 204;
  answer.headers.emplace_back("Access-Control-Allow-Methods", allow);
  answer.headers.emplace_back("Access-Control-Allow-Headers",
                              "authorization, content-type, if-match, if-none-match");
  answer.headers.emplace_back("Access-Control-Max-Age", "600");
  return with_allow(std::move(answer), allow);
}

void service::add_cors(const http::server_request& request, http::server_response& response) const {
  const auto origin = request.header("origin");
  const auto& allowed = options_.cors_origins;
  if (origin.empty() || allowed.empty()) return;
  const bool any = allowed.size() == 1 && allowed.front() == "*";
  if (!any) response.headers.emplace_back("Vary", "Origin");
  if (!any && std::find(allowed.begin(), allowed.end(), origin) == allowed.end()) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", any ? "*" : std::string{origin});
  response.headers.emplace_back("Access-Control-Expose-Headers", "etag");
}

http::server_response service::handle(const http::server_request& request) const {
  auto response = route(request);
  add_cors(request, response);
  if (response.status >= 500) {
    log_.write(log_level::error, "request-failed",
               {{"method", request.method},
                {"status", std::to_string(response.status)},
                {"problem", response.body}});
  } else if (log_.enabled(log_level::debug)) {
    log_.write(
        log_level::debug, "request",
        {{"method", request.method}, {"path", request.path}, {"status", std::to_string(response.status)}});
  }
  return response;
}

}  // namespace mw::api
