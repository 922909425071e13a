#include "protocol/amqp/tls_session.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>

#include "protocol/tls/client_session.hpp"

namespace mw::amqp {

struct tls_session::handles {
  tls::session ssl;
  BIO* in = nullptr;   // both owned by ssl
  BIO* out = nullptr;  // cipher bytes for the peer
};

tls_session::tls_session(std::unique_ptr<handles> h) : handles_(std::move(h)) {}
tls_session::~tls_session() = default;

result<std::unique_ptr<tls_session>> tls_session::make(const std::string& host, const std::string& ca_file) {
  const auto context = tls::make_context(ca_file);
  if (!context) return fail(dependency::bus, context.error().code, context.error().detail);
  auto session = tls::make_session(*context, host);
  if (!session) return fail(dependency::bus, session.error().code, session.error().detail);
  auto h = std::make_unique<handles>();
  h->ssl = std::move(*session);
  h->in = BIO_new(BIO_s_mem());
  h->out = BIO_new(BIO_s_mem());
  if (!h->in || !h->out) return fail(dependency::bus, errc::internal, "TLS: out of memory");
  SSL_set_bio(h->ssl.get(), h->in, h->out);
  return std::unique_ptr<tls_session>{new tls_session{std::move(h)}};
}

bool tls_session::established() const {
  return SSL_is_init_finished(handles_->ssl.get()) == 1;
}

failure tls_session::problem() const {
  // A refused certificate is nothing that passes by itself within seconds: a person must look.
  const bool refused = SSL_get_verify_result(handles_->ssl.get()) != X509_V_OK;
  const errc code = refused ? errc::misconfigured : established() ? errc::connection_lost : errc::unreachable;
  return fail(dependency::bus, code, "TLS: " + tls::explain(handles_->ssl.get()));
}

status tls_session::receive(std::string_view cipher, std::string& clear) {
  SSL* ssl = handles_->ssl.get();
  ERR_clear_error();
  if (!cipher.empty() && BIO_write(handles_->in, cipher.data(), static_cast<int>(cipher.size())) <= 0)
    return fail(dependency::bus, errc::internal, "TLS: out of memory");
  if (!established()) {
    const int done = SSL_do_handshake(ssl);
    if (done != 1) {
      const int error = SSL_get_error(ssl, done);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return problem();
      return ok;
    }
  }
  std::array<char, 16'384> buffer;  // one TLS record
  for (;;) {
    const int n = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
    if (n > 0) {
      clear.append(buffer.data(), static_cast<size_t>(n));
      continue;
    }
    const int error = SSL_get_error(ssl, n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_ZERO_RETURN)
      return ok;  // a closed session shows as the end of the TCP stream right after
    return problem();
  }
}

status tls_session::send(std::string_view clear) {
  ERR_clear_error();
  while (!clear.empty()) {
    const int n = SSL_write(handles_->ssl.get(), clear.data(), static_cast<int>(clear.size()));
    if (n <= 0) return problem();
    clear.remove_prefix(static_cast<size_t>(n));
  }
  return ok;
}

void tls_session::take_outgoing(std::string& out) {
  const size_t pending = BIO_ctrl_pending(handles_->out);
  if (pending == 0) return;
  const size_t at = out.size();
  out.resize(at + pending);
  const int n = BIO_read(handles_->out, out.data() + at, static_cast<int>(pending));
  out.resize(at + (n > 0 ? static_cast<size_t>(n) : 0));
}

}  // namespace mw::amqp
