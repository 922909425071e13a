// A small HTTP/1.1 server (civetweb) for the admin port, the Memory API and the devstack's LLM: one handler
// gets every request, on one of `threads` threads. A connection holds its thread while it is kept alive, so
// give at least as many threads as the clients open connections; once all threads are held, every answer
// closes its connection, so that waiting connections get their turn. Limits are enforced before the handler:
// body size (413); another transfer coding than chunks, chunks beside a length, bad percent-coding (400). A
// request that says no length has no body; after it, and after chunks, the connection is closed. An exception
// from the handler becomes a 500 with a JSON problem body. Errors at start (port taken, bad address) come
// back as errc::misconfigured naming address and port.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/errors.hpp"

namespace mw::http {

struct server_request {
  std::string method;
  std::string path;                                          ///< percent-decoded, without the query
  std::vector<std::string> segments;                         ///< the path's parts between slashes, each
                                                             ///< decoded (%2F stays inside its segment)
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
  std::chrono::milliseconds keep_alive{30'000};       ///< an idle connection is closed after this
  std::chrono::milliseconds request_timeout{30'000};  ///< for a request to arrive and an answer to be taken
  /// Told the what() of an exception that left the handler, on the handler's thread; the client sees none of
  /// it.
  std::function<void(std::string_view)> on_handler_error;
};

class server {
 public:
  using handler = std::function<server_response(const server_request&)>;
  static result<std::unique_ptr<server>> start(const server_options& options, handler h);
  /// Stops accepting, waits some seconds at most for answers under way; must not run inside a handler.
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  uint16_t port() const;

 private:
  class impl;
  explicit server(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace mw::http
