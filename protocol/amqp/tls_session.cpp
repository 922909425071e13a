#include "protocol/amqp/tls_session.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <chrono>

#include "protocol/base/iso_time.hpp"

namespace mw::amqp {
namespace {

std::string openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "connection ended";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "error " + std::to_string(code);
}

}  // namespace

struct tls_session::handles {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{nullptr, SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, SSL_free};
  BIO* in = nullptr;   // both owned by ssl
  BIO* out = nullptr;  // cipher bytes for the peer
};

tls_session::tls_session(std::unique_ptr<handles> h) : handles_(std::move(h)) {}
tls_session::~tls_session() = default;

result<std::unique_ptr<tls_session>> tls_session::make(const std::string& host, const std::string& ca_file) {
  auto h = std::make_unique<handles>();
  ERR_clear_error();
  h->context.reset(SSL_CTX_new(TLS_client_method()));
  if (!h->context) return fail(dependency::bus, errc::internal, "TLS: " + openssl_error());
  SSL_CTX* context = h->context.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const bool loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context) == 1
                                      : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) == 1;
  if (!loaded)
    return fail(dependency::bus, errc::misconfigured,
                "TLS: cannot read certificates from '" + ca_file + "': " + openssl_error());
  h->ssl.reset(SSL_new(context));
  h->in = BIO_new(BIO_s_mem());
  h->out = BIO_new(BIO_s_mem());
  SSL* ssl = h->ssl.get();
  if (!ssl || !h->in || !h->out) return fail(dependency::bus, errc::internal, "TLS: " + openssl_error());
  SSL_set_bio(ssl, h->in, h->out);
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) != 1) {
    ERR_clear_error();
    // A name, not an address: verified against the certificate, and sent as SNI.
    if (SSL_set1_host(ssl, host.c_str()) != 1)
      return fail(dependency::bus, errc::misconfigured, "TLS: '" + host + "' is no host name");
    std::string name = host;
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  }
  SSL_set_connect_state(ssl);
  return std::unique_ptr<tls_session>{new tls_session{std::move(h)}};
}

bool tls_session::established() const {
  return SSL_is_init_finished(handles_->ssl.get()) == 1;
}

failure tls_session::problem() const {
  const long verdict = SSL_get_verify_result(handles_->ssl.get());
  std::string why = openssl_error();
  if (verdict == X509_V_OK)
    return fail(dependency::bus, established() ? errc::connection_lost : errc::unreachable, "TLS: " + why);
  why = std::string{"certificate refused: "} + X509_verify_cert_error_string(verdict);
  if (verdict == X509_V_ERR_CERT_HAS_EXPIRED || verdict == X509_V_ERR_CERT_NOT_YET_VALID) {
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    why += " (this machine's clock says " + format_iso_time(now) + ")";
  }
  // Nothing that passes by itself within seconds: a person must look.
  return fail(dependency::bus, errc::misconfigured, "TLS: " + why);
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
