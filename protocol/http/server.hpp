// A small HTTP/1.1 server (civetweb) for the admin port, the Memory API and the devstack's LLM: one handler
// gets every request, on one of `threads` threads (a keep-alive connection holds a thread). Limits are
// enforced before the handler: body size (413), a missing length on a body (411). An exception from the
// handler becomes a 500 with a JSON problem body. Errors at start (port taken, bad address) come back as
// errc::misconfigured naming address and port.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/errors.hpp"

namespace mw::http {

struct server_request {
  std::string method;
  std::string path;                                          ///< percent-decoded, without the query
  std::string query;                                         ///< raw, without '?'
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
  std::string remote_address;
  std::string_view header(std::string_view lower_case_name) const;
  /// Decoded value of a query parameter; empty where absent.
  std::string parameter(std::string_view name) const;
};

struct server_response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// Devstack faults only: cut the connection after this many bytes of the whole answer (0: before any byte).
  int64_t cut_after = -1;
};

/// {"type":"about:blank","title":TITLE,"status":STATUS,"detail":DETAIL} as application/problem+json.
server_response problem(int status, std::string_view title, std::string_view detail);

struct server_options {
  std::string bind = "127.0.0.1";
  uint16_t port = 0;  ///< 0: the system picks one; ask port()
  unsigned threads = 8;
  size_t max_body_bytes = 8u << 20;
  std::chrono::milliseconds keep_alive{30'000};
};

class server {
 public:
  using handler = std::function<server_response(const server_request&)>;
  static result<std::unique_ptr<server>> start(const server_options& options, handler h);
  ~server();  ///< stops accepting, waits for running handlers
  uint16_t port() const;

 private:
  class impl;
  explicit server(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace mw::http
