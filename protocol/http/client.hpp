// HTTP client: every request of the process goes through one libcurl multi handle on one io::loop
// (multi_socket), HTTP/1.1 keep-alive and, where the server offers it, HTTP/2 multiplexing. send() and
// cancel() may be called from any thread; `done` runs exactly once on the loop thread, never later than the
// request's total time-out, counted from send(). Errors: unreachable, open_files, timed_out, connection_lost,
// too_large, malformed (the answer is not HTTP), misconfigured (bad URL, unreadable CA file), cancelled;
// their text names method, host and path, never query, headers or body. An HTTP status is not an error;
// redirects are not followed; headers above 256 KiB (interim answers and trailers included) are malformed; a
// body that came compressed is the plain one (content_encoding.hpp). A request that met a kept-alive
// connection just closed by the server is sent again by itself.
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
#include "protocol/io/loop.hpp"

namespace mw::http {

struct request {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds total_timeout{60'000};
  size_t max_response_bytes = 8u << 20;
  bool no_proxy = false;  ///< never through a proxy of the environment: for addresses of this machine's own
};

struct response {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case, in order of arrival
  std::string body;
  std::chrono::microseconds elapsed{};
  /// Value of the first header of that lower-case name, or empty.
  std::string_view header(std::string_view name) const;
};

/// retry-after-ms, else Retry-After (seconds or HTTP date), capped at 10 min; 0 where absent or nonsense.
std::chrono::milliseconds retry_after(const response& r, std::chrono::system_clock::time_point now);
/// The peer's clock: its Date header, or `otherwise` where there is none.
std::chrono::system_clock::time_point date_of(const response& r,
                                              std::chrono::system_clock::time_point otherwise);

struct client_options {
  long max_connections_per_host = 64;
  long max_connections = 256;
  std::string ca_file;  ///< empty: the system's
  std::string user_agent = "memory-worker";
  bool http2 = true;  ///< over TLS by ALPN; not where the environment names a proxy for HTTPS
};

class client {
 public:
  using done_fn = std::function<void(result<response>)>;
  /// The loop must outlive the client and be running when it is destroyed. Destroy on any thread but the
  /// loop's; pending requests end as `cancelled` before the destructor returns. SIGPIPE is set to be ignored
  /// where it had its default action.
  client(io::loop& loop, client_options options);
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// Returns the request's id.
  uint64_t send(request r, done_fn done);
  /// The request ends as `cancelled` unless it has ended already.
  void cancel(uint64_t id);
  /// Requests not yet ended; any thread.
  size_t in_flight() const;

 private:
  class impl;
  std::shared_ptr<impl> impl_;
};

}  // namespace mw::http
