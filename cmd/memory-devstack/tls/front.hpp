// TLS in front of a stand-in's plain HTTP server on loopback: takes connections on a port of 127.0.0.1,
// speaks TLS, and passes the bytes on to and from `upstream`. Runs on a thread of its own until it is
// destroyed. Errors at start are misconfigured: the certificate, the key, or the port. (Debian's civetweb
// cannot speak TLS with OpenSSL 3.)
#pragma once

#include <memory>
#include <string>

#include "cmd/memory-devstack/tls/tls.hpp"
#include "protocol/io/loop.hpp"

namespace mw::devstack {

class tls_front {
 public:
  /// `port` 0: any free one.
  static result<std::unique_ptr<tls_front>> start(uint16_t port, uint16_t upstream,
                                                  const std::string& certificate, const std::string& key);
  ~tls_front();
  tls_front(const tls_front&) = delete;
  tls_front& operator=(const tls_front&) = delete;
  uint16_t port() const { return port_; }

 private:
  tls_front() = default;
  void accept_all();

  std::shared_ptr<tls_context> context_;
  int listening_ = -1;
  uint16_t port_ = 0;
  uint16_t upstream_ = 0;
  io::loop_thread thread_;  // last: its connections go first
};

}  // namespace mw::devstack
