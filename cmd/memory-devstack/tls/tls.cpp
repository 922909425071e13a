#include "cmd/memory-devstack/tls/tls.hpp"

#include <openssl/err.h>

#include <array>

namespace mw::devstack {

result<std::shared_ptr<tls_context>> tls_context::load(const std::string& certificate,
                                                       const std::string& key) {
  auto made = std::make_shared<tls_context>();
  made->context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* c = made->context_.get();
  if (c == nullptr) return fail(errc::internal, "OpenSSL cannot make a TLS context");
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_use_certificate_chain_file(c, certificate.c_str()) != 1)
    return fail(errc::misconfigured, "--tls-cert: no certificate can be read from " + certificate);
  if (SSL_CTX_use_PrivateKey_file(c, key.c_str(), SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(c) != 1)
    return fail(errc::misconfigured, "--tls-key: no key of that certificate can be read from " + key);
  return made;
}

tls_session::tls_session(const tls_context& context)
    : ssl_(SSL_new(context.get())), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
  SSL_set_bio(ssl_.get(), in_, out_);
  SSL_set_accept_state(ssl_.get());
}

bool tls_session::receive(std::string_view encrypted, std::string& plain) {
  ERR_clear_error();
  if (!encrypted.empty() && BIO_write(in_, encrypted.data(), static_cast<int>(encrypted.size())) <= 0)
    return false;
  std::array<char, 16'384> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by SSL_read
  for (;;) {
    const int n = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (n > 0) {
      plain.append(buffer.data(), static_cast<size_t>(n));
      continue;
    }
    const int why = SSL_get_error(ssl_.get(), n);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
  }
}

bool tls_session::send(std::string_view plain) {
  ERR_clear_error();
  while (!plain.empty()) {
    const int n =
        SSL_write(ssl_.get(), plain.data(), static_cast<int>(std::min<size_t>(plain.size(), 1 << 20)));
    if (n <= 0) return false;
    plain.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void tls_session::take_output(std::string& encrypted) {
  const size_t waiting = BIO_ctrl_pending(out_);
  const size_t before = encrypted.size();
  encrypted.resize(before + waiting);
  const int n = waiting == 0 ? 0 : BIO_read(out_, encrypted.data() + before, static_cast<int>(waiting));
  encrypted.resize(before + static_cast<size_t>(n > 0 ? n : 0));
}

}  // namespace mw::devstack
