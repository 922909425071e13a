#include "protocol/observe/admin_endpoints.hpp"

#include <utility>

namespace mw::observe {

namespace {

http::server_response json(int code, std::string body) {
  http::server_response out;
  out.status = code;
  out.headers.emplace_back("Cache-Control", "no-store");
  out.body = std::move(body);
  return out;
}

}  // namespace

http::server_response admin_routes(const http::server_request& request, metrics& m,
                                   const status_board& board) {
  const auto& path = request.path;
  const bool known =
      path == "/metrics" || path == "/health/live" || path == "/health/ready" || path == "/status";
  if (!known)
    return http::problem(404, "Not found",
                         "the admin port serves /metrics, /health/live, /health/ready and /status");
  if (request.method != "GET" && request.method != "HEAD") {
    auto out = http::problem(405, "Method not allowed", "use GET");
    out.headers.emplace_back("Allow", "GET, HEAD");
    return out;
  }
  if (path == "/metrics") {
    http::server_response out;
    out.content_type = "text/plain; version=0.0.4; charset=utf-8";
    out.body = m.expose();
    return out;
  }
  if (path == "/health/live") return json(200, R"({"live":true})");
  if (path == "/health/ready") {
    auto now = board.report();
    return json(now.ready ? 200 : 503, std::move(now.json));
  }
  return json(200, board.status_json());
}

}  // namespace mw::observe
