// The Memory API's HTTP surface: routes, authentication, CORS, problem answers. handle() is called by the
// HTTP server on many threads; it never throws for what a client sent. README.md beside this file lists the
// routes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cmd/memory-api/log.hpp"
#include "cmd/memory-api/store.hpp"
#include "protocol/http/server.hpp"

namespace mw::api {

struct service_options {
  std::string token;                           ///< empty: everybody may call
  std::vector<std::string> cors_origins{"*"};  ///< "*" alone, or exact origins
  std::function<wall_time()> now;              ///< the wall clock
};

class service {
 public:
  /// Both references outlive the service.
  service(document_store& store, const log& out, service_options options);
  http::server_response handle(const http::server_request& request) const;

 private:
  bool authorized(const http::server_request& request) const;
  http::server_response route(const http::server_request& request) const;
  void add_cors(const http::server_request& request, http::server_response& response) const;

  document_store& store_;
  const log& log_;
  service_options options_;
};

}  // namespace mw::api
