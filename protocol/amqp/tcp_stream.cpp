#include "protocol/amqp/tcp_stream.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "protocol/io/open_files.hpp"

namespace mw::amqp {

tcp_stream::tcp_stream(io::loop& loop, options o, handler h)
    : loop_(loop), options_(std::move(o)), handler_(std::move(h)) {}

tcp_stream::~tcp_stream() {
  if (fd_ >= 0) ::close(fd_);
}

std::string tcp_stream::where() const {
  return options_.host + ":" + std::to_string(options_.port);
}

void tcp_stream::start() {
  phase_ = phase::resolving;
  if (options_.tls) {
    auto session = tls_session::make(options_.host, options_.ca_file);
    if (!session) return end(session.error());
    tls_ = std::move(*session);
  }
  auto started = io::lookup::start(loop_, options_.host, options_.port, 0,
                                   [this](io::lookup::answer a) { resolved(std::move(a)); });
  if (!started) return end(fail(dependency::bus, started.error().code, started.error().detail));
  lookup_ = std::move(*started);
}

void tcp_stream::resolved(io::lookup::answer a) {
  lookup_.reset();
  if (a.error != 0)
    // A name that does not exist is a wrong name; anything else may pass.
    return end(fail(dependency::bus, a.error == EAI_NONAME ? errc::misconfigured : errc::unreachable,
                    "cannot resolve " + options_.host + ": " + gai_strerror(a.error)));
  addresses_ = std::move(a.addresses);
  phase_ = phase::connecting;
  connect_next();
}

void tcp_stream::connect_next() {
  while (next_address_ < addresses_.size()) {
    const io::address& a = addresses_[next_address_++];
    fd_ = socket(a.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) {
      if (io::is_out_of_files(errno))
        return end(
            fail(dependency::bus, errc::open_files, "connect " + where() + ": " + io::out_of_files_words()));
      last_error_ = std::strerror(errno);
      continue;
    }
    const int one = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&a.bytes), a.size) == 0 || errno == EINPROGRESS) {
      write_wanted_ = true;
      loop_.watch(fd_, EPOLLIN | EPOLLOUT, [this](uint32_t events) { on_socket(events); });
      return;
    }
    last_error_ = std::strerror(errno);
    ::close(fd_);
    fd_ = -1;
  }
  end(fail(dependency::bus, errc::unreachable, "connect " + where() + ": " + last_error_));
}

void tcp_stream::socket_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    last_error_ = std::strerror(error);
    drop_socket();
    return connect_next();
  }
  phase_ = tls_ ? phase::handshake : phase::open;
  if (tls_)
    received({});
  else
    handler_.connected();
  if (phase_ != phase::ended) flush();
}

void tcp_stream::on_socket(uint32_t events) {
  if (phase_ == phase::connecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) socket_connected();
    return;
  }
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read_all();
  if (phase_ != phase::ended && (events & EPOLLOUT) != 0) flush();
}

void tcp_stream::received(std::string_view bytes) {
  if (!tls_) return handler_.bytes(bytes);
  clear_.clear();
  const bool was_established = tls_->established();
  const status done = tls_->receive(bytes, clear_);
  tls_->take_outgoing(out_);  // an alert, too, tells the peer what we dislike
  if (!done) {
    flush();
    failure f = done.error();
    f.detail = where() + ": " + f.detail;
    return end(std::move(f));
  }
  if (!was_established && tls_->established()) {
    phase_ = phase::open;
    handler_.connected();
  }
  if (phase_ == phase::open && !clear_.empty()) handler_.bytes(clear_);
  if (phase_ != phase::ended) flush();
}

void tcp_stream::read_all() {
  std::array<char, 65'536> buffer;
  // Level-triggered: a few rounds keep a fast sender from starving the other sockets of the loop.
  for (int round = 0; round < 4 && phase_ != phase::ended; ++round) {
    const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
    if (n > 0) {
      received({buffer.data(), static_cast<size_t>(n)});
      if (static_cast<size_t>(n) < buffer.size()) return;
    } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    } else {
      const std::string why = n == 0 ? "closed by the peer" : std::strerror(errno);
      const bool shaking = phase_ == phase::handshake;
      return end(fail(dependency::bus, shaking ? errc::unreachable : errc::connection_lost,
                      where() + (shaking ? ": TLS handshake: " : ": ") + why));
    }
  }
}

void tcp_stream::write(std::string_view bytes) {
  if (phase_ != phase::open) return;
  if (!tls_) {
    out_.append(bytes);
  } else {
    const status done = tls_->send(bytes);
    tls_->take_outgoing(out_);
    if (!done) return end(done.error());
  }
  flush();
}

void tcp_stream::flush() {
  if (fd_ < 0) return;
  while (sent_ < out_.size()) {
    const ssize_t n = send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0) break;  // a broken socket is reported by the read side, with what the peer still had to say
    sent_ += static_cast<size_t>(n);
  }
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  } else if (sent_ > 1'000'000) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  const bool wanted = unsent() > 0;
  if (wanted == write_wanted_) return;
  write_wanted_ = wanted;
  loop_.modify(fd_, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void tcp_stream::drop_socket() {
  if (fd_ < 0) return;
  loop_.unwatch(fd_);
  ::close(fd_);
  fd_ = -1;
}

void tcp_stream::close() {
  phase_ = phase::ended;
  if (lookup_) lookup_->cancel();
  lookup_.reset();
  drop_socket();
}

void tcp_stream::end(failure f) {
  if (phase_ == phase::ended) return;
  close();
  handler_.ended(std::move(f));
}

}  // namespace mw::amqp
