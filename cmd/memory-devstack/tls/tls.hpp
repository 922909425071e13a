// TLS of the stand-ins' server side on memory buffers: bytes from the socket in, plain bytes out, and back.
// In the bus it sits between the socket and the AMQP engine, because the bus must see the plain stream. One
// context a process, one session a connection; a session that failed stays failed.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"

namespace mw::devstack {

class tls_context {
 public:
  /// PEM files. The failure names the file.
  static result<std::shared_ptr<tls_context>> load(const std::string& certificate, const std::string& key);
  SSL_CTX* get() const { return context_.get(); }

 private:
  struct deleter {
    void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
  };
  std::unique_ptr<SSL_CTX, deleter> context_;
};

class tls_session {
 public:
  explicit tls_session(const tls_context& context);
  bool handshake_done() const { return SSL_is_init_finished(ssl_.get()) != 0; }
  /// Takes bytes of the socket, appends what they decrypt to. False when the session failed.
  bool receive(std::string_view encrypted, std::string& plain);
  /// Encrypts; the result is fetched with take_output(). False when the handshake is not done or failed.
  bool send(std::string_view plain);
  /// Appends what must go to the socket (also handshake bytes).
  void take_output(std::string& encrypted);

 private:
  struct deleter {
    void operator()(SSL* s) const { SSL_free(s); }
  };
  std::unique_ptr<SSL, deleter> ssl_;
  BIO* in_ = nullptr;   // owned by ssl_
  BIO* out_ = nullptr;  // owned by ssl_
};

}  // namespace mw::devstack
