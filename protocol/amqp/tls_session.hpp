// The TLS half of tcp_stream: one OpenSSL client session between clear bytes and cipher bytes, without a
// socket of its own. TLS 1.2 or newer; the peer's chain and name (DNS name or IP address) are always
// verified. Errors are one line that says what is wrong with the certificate: `unreachable` before the
// handshake is done, `connection_lost` after.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"

namespace mw::amqp {

class tls_session {
 public:
  /// `ca_file` empty: the system's certificates. `misconfigured` where the file cannot be read.
  static result<std::unique_ptr<tls_session>> make(const std::string& host, const std::string& ca_file);
  ~tls_session();
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;

  /// Takes cipher bytes from the peer (none at first: begins the handshake), appends clear ones.
  status receive(std::string_view cipher, std::string& clear);
  /// Only when established.
  status send(std::string_view clear);
  /// Moves the cipher bytes that are to be sent to the end of `out`.
  void take_outgoing(std::string& out);
  bool established() const;

 private:
  struct handles;
  explicit tls_session(std::unique_ptr<handles> h);
  failure problem() const;
  std::unique_ptr<handles> handles_;
};

}  // namespace mw::amqp
