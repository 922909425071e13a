// A minimal HTTP/1.1 server on the bus's loop, for the admin port: keep-alive, Content-Length bodies, Expect:
// 100-continue; no chunked requests, no TLS. Loopback only. The handler runs on the loop and answers at once;
// a request that is no HTTP gets 400 and the connection ends.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/base/errors.hpp"
#include "protocol/io/loop.hpp"

namespace mw::devstack {

struct admin_request {
  std::string method;
  std::string path;
  std::string query;  ///< without "?", percent-encoded
  std::string_view body;
};

struct admin_reply {
  int status = 200;
  std::string json;
};

class admin_http {
 public:
  using handler = std::function<admin_reply(const admin_request&)>;
  admin_http(io::loop& loop, handler handle) : loop_(loop), handle_(std::move(handle)) {}
  ~admin_http();
  admin_http(const admin_http&) = delete;
  admin_http& operator=(const admin_http&) = delete;
  /// 0 takes a free port; returns the port.
  result<uint16_t> listen(uint16_t port);

 private:
  struct client {
    std::string in;
    std::string out;
    bool close_after = false;
    bool continued = false;  // 100 Continue was sent for the request being read
  };
  void accept_all();
  void on_events(int fd, uint32_t events);
  /// Answers the whole requests in `c.in`.
  void serve(client& c);
  bool serve_one(client& c);
  bool write_out(int fd, client& c);
  void end(int fd);

  io::loop& loop_;
  handler handle_;
  std::unordered_map<int, std::unique_ptr<client>> clients_;
  int listener_ = -1;
};

/// The decoded value of a query parameter; empty when absent.
std::string query_value(std::string_view query, std::string_view name);

}  // namespace mw::devstack
