#include "cmd/memory-devstack/bus/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <proton/connection.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "cmd/memory-devstack/bus/broker.hpp"

namespace mw::devstack {
namespace {

constexpr size_t congestion_bytes = 4 * 1024 * 1024;
constexpr uint32_t max_frame = 65'536;
constexpr pn_millis_t idle_timeout_ms = 120'000;  // the peer is told half of it
constexpr int reads_per_event = 4;                // then the others get their turn

}  // namespace

connection::connection(broker& bus, int fd, std::shared_ptr<tls_context> tls) : bus_(bus), fd_(fd) {
  if (tls) tls_ = std::make_unique<tls_session>(*tls);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  pn_connection_driver_init(&driver_, nullptr, nullptr);
  pn_transport_t* transport = driver_.transport;
  pn_transport_set_server(transport);
  pn_transport_require_auth(transport, false);
  pn_sasl_allowed_mechs(pn_sasl(transport), "ANONYMOUS");
  pn_transport_set_max_frame(transport, max_frame);
  pn_transport_set_idle_timeout(transport, idle_timeout_ms);
  pn_connection_driver_bind(&driver_);
  watched_ = EPOLLIN;
  bus_.loop().watch(fd, watched_,
                    [this](uint32_t events) { bus_.step([this, events] { on_events(events); }); });
}

connection::~connection() {
  while (!links_.empty()) forget_link(links_.back()->handle);
  bus_.loop().unwatch(fd_);
  pn_connection_driver_destroy(&driver_);
  close(fd_);
}

void connection::watch_for(uint32_t events) {
  if (events == watched_ || dead_) return;
  watched_ = events;
  bus_.loop().modify(fd_, events);
}

void connection::on_events(uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_socket();
  bus_.touch(*this);
}

void connection::read_socket() {
  std::array<char, 65'536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
  for (int i = 0; i < reads_per_event && !input_ended_; ++i) {
    const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      input_ended_ = true;
      break;
    }
    // Clients that leave Nagle's algorithm on would otherwise wait for a delayed ACK at every small send.
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    const std::string_view bytes{buffer.data(), static_cast<size_t>(n)};
    if (!tls_) {
      feed(bytes);
    } else {
      plain_.clear();
      input_ended_ = !tls_->receive(bytes, plain_);
      feed(plain_);
    }
    if (static_cast<size_t>(n) < buffer.size()) break;
  }
  if (input_ended_) {
    pn_connection_driver_read_close(&driver_);
    dispatch();
  }
}

void connection::feed(std::string_view plain) {
  scanner_.feed(plain);
  while (!plain.empty()) {
    const pn_rwbytes_t space = pn_connection_driver_read_buffer(&driver_);
    const size_t n = std::min(space.size, plain.size());
    if (n == 0) return;  // the engine reads no more: the connection is being closed
    std::memcpy(space.start, plain.data(), n);
    pn_connection_driver_read_done(&driver_, n);
    plain.remove_prefix(n);
    dispatch();
  }
}

void connection::dispatch() {
  while (pn_event_t* event = pn_connection_driver_next_event(&driver_)) handle(event);
}

void connection::collect_output() {
  if (tls_ && !tls_->handshake_done()) {
    tls_->take_output(out_);
    return;
  }
  while (out_.size() - out_at_ < 2 * congestion_bytes) {
    const pn_bytes_t bytes = pn_connection_driver_write_buffer(&driver_);
    if (bytes.size == 0) break;
    const uint32_t limit = pn_transport_get_remote_max_frame(driver_.transport);
    std::string& target = tls_ ? plain_out_ : out_;
    padder_.feed({bytes.start, bytes.size}, limit, target);
    pn_connection_driver_write_done(&driver_, bytes.size);
    if (tls_) {
      if (!tls_->send(plain_out_)) input_ended_ = true;
      plain_out_.clear();
      tls_->take_output(out_);
    }
    dispatch();
  }
  if (tls_) tls_->take_output(out_);
}

size_t connection::write_socket() {
  size_t written = 0;
  while (out_at_ < out_.size()) {
    const ssize_t n = send(fd_, out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) {
      dead_ = true;
      return written;
    }
    out_at_ += static_cast<size_t>(n);
    written += static_cast<size_t>(n);
  }
  if (out_at_ == out_.size() || out_at_ > congestion_bytes) {
    out_.erase(0, out_at_);
    out_at_ = 0;
  }
  return written;
}

void connection::flush() {
  size_t written = 0;
  size_t last = 0;
  do {
    if (dead_) return;
    collect_output();
    last = write_socket();
    written += last;
  } while (last > 0 && out_.empty());
  for (pn_session_t* s : ended_sessions_) pn_session_free(s);
  ended_sessions_.clear();
  // A peer that closed its side is owed only what the socket takes at once.
  if (input_ended_ || (out_.empty() && pn_connection_driver_finished(&driver_))) dead_ = true;
  if (dead_) return;
  watch_for(out_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
  if (!starved_ || written == 0) return;
  starved_ = false;
  for (const auto& link : links_) {
    if (link->from != nullptr) bus_.mark_dirty(*link->from);
  }
}

void connection::tick(int64_t monotonic_ms) {
  pn_transport_tick(driver_.transport, monotonic_ms);
  dispatch();
  bus_.touch(*this);
}

void connection::reset() {
  const linger hard{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  dead_ = true;
  bus_.touch(*this);
}

bool connection::congested(const bus_link& link) {
  const bool full = dead_ || out_.size() - out_at_ > congestion_bytes ||
                    pn_session_outgoing_bytes(pn_link_session(link.handle)) > congestion_bytes;
  starved_ = starved_ || full;
  return full;
}

int connection::credit_of(const bus_link& link) {
  return pn_link_credit(link.handle);
}

}  // namespace mw::devstack
