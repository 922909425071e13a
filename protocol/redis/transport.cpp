#include "protocol/redis/transport.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "protocol/io/open_files.hpp"

namespace mw::redis {
namespace {

constexpr size_t read_buffer_bytes = 64u << 10;
constexpr size_t bytes_per_event = 256u << 10;  // then the loop's other sockets get their turn
constexpr size_t keep_out_bytes = 1u << 20;

std::string words(int error) {
  return std::generic_category().message(error);
}

class plain_layer final : public stream_layer {
 public:
  step handshake(int) override { return step::done; }
  moved read(int fd, std::span<char> into) override {
    const ssize_t n = recv(fd, into.data(), into.size(), 0);
    return n == 0 ? moved{step::closed, 0} : outcome(n);
  }
  moved write(int fd, std::string_view from) override {
    return outcome(send(fd, from.data(), from.size(), MSG_NOSIGNAL));
  }
  uint32_t wants() const override { return 0; }
  std::string problem() const override { return words(error_); }

 private:
  moved outcome(ssize_t n) {
    if (n >= 0) return {step::done, static_cast<size_t>(n)};
    if (errno == EAGAIN || errno == EINTR) return {step::again, 0};
    error_ = errno;
    return {step::failed, 0};
  }
  int error_ = 0;
};

void tune(int fd) {
  const int on = 1;
  const int idle_seconds = 60;  // below the idle time-out of cloud load balancers
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
}

}  // namespace

std::unique_ptr<stream_layer> make_plain_layer() {
  return std::make_unique<plain_layer>();
}

transport::transport(io::loop& loop, std::string host, uint16_t port, std::unique_ptr<stream_layer> layer,
                     handler h)
    : loop_(loop),
      host_(std::move(host)),
      where_(fmt::format("{}:{}", host_, port)),
      port_(port),
      layer_(std::move(layer)),
      handler_(std::move(h)),
      read_buffer_(std::make_unique_for_overwrite<char[]>(read_buffer_bytes)) {}

transport::~transport() {
  if (fd_ >= 0) ::close(fd_);
}

void transport::start() {
  phase_ = phase::resolving;
  if (auto known = io::numeric_addresses(host_, port_)) {
    addresses_ = std::move(*known);
    phase_ = phase::connecting;
    return connect_next();
  }
  auto started = io::lookup::start(loop_, host_, port_, AI_ADDRCONFIG,
                                   [this](io::lookup::answer a) { resolved(std::move(a)); });
  if (!started) return end(errc::unreachable, started.error().detail);
  lookup_ = std::move(*started);
}

void transport::resolved(io::lookup::answer a) {
  lookup_.reset();
  if (a.error != 0) return end(errc::unreachable, "resolve " + host_ + ": " + gai_strerror(a.error));
  addresses_ = std::move(a.addresses);
  phase_ = phase::connecting;
  connect_next();
}

bool transport::connect_to(const io::address& a) {
  fd_ = socket(a.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) {
    if (io::is_out_of_files(errno)) out_of_files_ = true;
    last_error_ = words(errno);
    return false;
  }
  tune(fd_);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&a.bytes), a.size) == 0 || errno == EINPROGRESS) {
    interest_ = EPOLLIN | EPOLLOUT;
    loop_.watch(fd_, interest_, [this](uint32_t events) { on_socket(events); });
    return true;
  }
  last_error_ = words(errno);
  ::close(fd_);
  fd_ = -1;
  return false;
}

void transport::connect_next() {
  while (next_address_ < addresses_.size())
    if (connect_to(addresses_[next_address_++])) return;
  if (out_of_files_)
    return end(errc::open_files, fmt::format("connect {}: {}", where_, io::out_of_files_words()));
  end(errc::unreachable, fmt::format("connect {}: {}", where_, last_error_));
}

void transport::socket_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    last_error_ = words(error);
    drop_socket();
    return connect_next();
  }
  phase_ = phase::handshake;
  shake();
}

void transport::shake() {
  switch (layer_->handshake(fd_)) {
    case stream_layer::step::done:
      phase_ = phase::open;
      handler_.connected();
      break;
    case stream_layer::step::again:
      break;
    case stream_layer::step::closed:
      return end(errc::unreachable, where_ + ": closed during the handshake");
    case stream_layer::step::failed:
      return end(errc::unreachable, where_ + ": " + layer_->problem());
  }
  if (phase_ != phase::ended) update_interest();
}

void transport::on_socket(uint32_t events) {
  if (phase_ == phase::connecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) socket_connected();
    return;
  }
  if (phase_ == phase::handshake) return shake();
  if ((events & EPOLLOUT) != 0) flush();
  if (phase_ == phase::open) read_arrived(bytes_per_event);
}

std::string_view transport::doing() const {
  switch (phase_) {
    case phase::idle:
    case phase::resolving:
      return "resolving the name";
    case phase::connecting:
      return "connecting";
    case phase::handshake:
      return "in the TLS handshake (does the server speak TLS on this port?)";
    case phase::open:
      return "logging in";
    case phase::ended:
      break;
  }
  return "ending";
}

void transport::read_arrived(size_t max_bytes) {
  size_t taken = 0;
  while (phase_ == phase::open && taken < max_bytes) {
    const auto [result, n] = layer_->read(fd_, {read_buffer_.get(), read_buffer_bytes});
    switch (result) {
      case stream_layer::step::done:
        taken += n;
        handler_.bytes({read_buffer_.get(), n});
        break;
      case stream_layer::step::again:
        return update_interest();
      case stream_layer::step::closed:
        return end(errc::connection_lost, where_ + ": closed by the server");
      case stream_layer::step::failed:
        return end(errc::connection_lost, where_ + ": " + layer_->problem());
    }
  }
  // The socket does not report what the layer has taken from it already.
  if (phase_ == phase::open && layer_->holds_bytes() && read_on_ == 0)
    read_on_ = loop_.after({}, [this] {
      read_on_ = 0;
      read_arrived(bytes_per_event);
    });
}

void transport::write(std::string_view bytes) {
  if (phase_ != phase::open) return;
  out_.append(bytes);
  flush();
}

void transport::flush() {
  while (sent_ < out_.size()) {
    const auto [result, n] = layer_->write(fd_, std::string_view{out_}.substr(sent_));
    // A broken socket is reported by the read side, after what the peer still had to say.
    if (result != stream_layer::step::done) break;
    sent_ += n;
  }
  if (sent_ == out_.size()) {
    if (out_.capacity() > keep_out_bytes)
      out_ = std::string{};
    else
      out_.clear();
    sent_ = 0;
  } else if (sent_ > keep_out_bytes) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  update_interest();
}

void transport::update_interest() {
  if (fd_ < 0) return;
  const bool unsent = phase_ == phase::open && sent_ < out_.size();
  const uint32_t wanted = EPOLLIN | layer_->wants() | (unsent ? uint32_t{EPOLLOUT} : 0u);
  if (wanted == interest_) return;
  interest_ = wanted;
  loop_.modify(fd_, wanted);
}

void transport::drop_socket() {
  if (read_on_ != 0) loop_.cancel(read_on_);
  read_on_ = 0;
  if (fd_ < 0) return;
  loop_.unwatch(fd_);
  ::close(fd_);
  fd_ = -1;
}

void transport::close() {
  phase_ = phase::ended;
  if (lookup_) lookup_->cancel();
  lookup_.reset();
  drop_socket();
}

void transport::end(errc code, const std::string& why) {
  if (phase_ == phase::ended) return;
  close();
  handler_.ended(fail(dependency::redis, code, why));
}

}  // namespace mw::redis
