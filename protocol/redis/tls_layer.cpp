#include "protocol/redis/tls_layer.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

namespace mw::redis {
namespace {

/// What the BIO knows of the socket. OpenSSL's own socket BIO would raise SIGPIPE and hide the end.
struct socket_end {
  int fd = -1;
  int error = 0;
  bool ended = false;
};

socket_end& end_of(BIO* b) {
  return *static_cast<socket_end*>(BIO_get_data(b));
}

int send_bytes(BIO* b, const char* data, int size) {
  BIO_clear_retry_flags(b);
  auto& s = end_of(b);
  const ssize_t n = send(s.fd, data, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    BIO_set_retry_write(b);
  else if (n < 0)
    s.error = errno;
  return static_cast<int>(n);
}

int receive_bytes(BIO* b, char* into, int size) {
  BIO_clear_retry_flags(b);
  auto& s = end_of(b);
  const ssize_t n = recv(s.fd, into, static_cast<size_t>(size), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    BIO_set_retry_read(b);
  else if (n < 0)
    s.error = errno;
  if (n == 0) s.ended = true;
  return static_cast<int>(n);
}

long control(BIO* b, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return end_of(b).ended ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "redis socket");
    BIO_meth_set_write(m, send_bytes);
    BIO_meth_set_read(m, receive_bytes);
    BIO_meth_set_ctrl(m, control);
    BIO_meth_set_create(m, [](BIO* b) {
      BIO_set_init(b, 1);
      return 1;
    });
    return m;
  }();
  return method;
}

class tls_layer final : public stream_layer {
 public:
  explicit tls_layer(tls::session session) : ssl_(std::move(session)) {
    BIO* bio = BIO_new(socket_method());
    BIO_set_data(bio, &socket_);
    SSL_set_bio(ssl_.get(), bio, bio);  // owned by ssl_, which is destroyed before socket_
    SSL_set_read_ahead(ssl_.get(), 1);
  }

  step handshake(int fd) override {
    socket_.fd = fd;
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) return step::done;
    const step s = outcome(done);
    if (s != step::closed) return s;
    problem_ = "closed during the TLS handshake: does the server speak TLS on this port?";
    return step::failed;
  }
  moved read(int fd, std::span<char> into) override {
    socket_.fd = fd;
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), into.data(), whole(into.size()));
    return n > 0 ? moved{step::done, static_cast<size_t>(n)} : moved{outcome(n), 0};
  }
  moved write(int fd, std::string_view from) override {
    socket_.fd = fd;
    ERR_clear_error();
    const int n = SSL_write(ssl_.get(), from.data(), whole(from.size()));
    return n > 0 ? moved{step::done, static_cast<size_t>(n)} : moved{outcome(n), 0};
  }
  bool holds_bytes() const override { return SSL_has_pending(ssl_.get()) == 1; }
  uint32_t wants() const override { return wants_write_ ? uint32_t{EPOLLOUT} : 0u; }
  std::string problem() const override { return problem_; }

 private:
  static int whole(size_t bytes) {
    return static_cast<int>(std::min<size_t>(bytes, std::numeric_limits<int>::max()));
  }
  step outcome(int n) {
    const int error = SSL_get_error(ssl_.get(), n);
    wants_write_ = error == SSL_ERROR_WANT_WRITE;
    if (wants_write_ || error == SSL_ERROR_WANT_READ) return step::again;
    if (error == SSL_ERROR_ZERO_RETURN || socket_.ended) return step::closed;
    problem_ = "TLS: " + (socket_.error != 0 ? std::generic_category().message(socket_.error)
                                             : tls::explain(ssl_.get()));
    return step::failed;
  }

  socket_end socket_;
  tls::session ssl_;
  bool wants_write_ = false;
  std::string problem_;
};

}  // namespace

std::unique_ptr<stream_layer> make_tls_layer(tls::session session) {
  return std::make_unique<tls_layer>(std::move(session));
}

}  // namespace mw::redis
