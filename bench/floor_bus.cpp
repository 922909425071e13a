#include "bench/floor_bus.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "bench/die.hpp"
#include "protocol/amqp/management.hpp"
#include "protocol/amqp/request_link.hpp"
#include "protocol/azure/sas.hpp"

namespace mw::bench {
namespace {

constexpr pn_millis_t idle_timeout_ms = 60'000;
constexpr std::chrono::seconds tick_every{15};

int connected_socket(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    die("bus: cannot connect");
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

}  // namespace

floor_bus::floor_bus(io::loop& loop, uint16_t port, std::string entity, int credit, handler h)
    : loop_(loop), entity_(std::move(entity)), port_(port), credit_(credit), handler_(std::move(h)) {
  pn_connection_driver_init(&driver_, nullptr, nullptr);
  pn_connection_set_container(driver_.connection, "bench-floor");
  pn_connection_set_hostname(driver_.connection, "localhost");
  pn_sasl_allowed_mechs(pn_sasl(driver_.transport), "ANONYMOUS");
  pn_transport_set_idle_timeout(driver_.transport, idle_timeout_ms);
  pn_connection_driver_bind(&driver_);
  pn_connection_open(driver_.connection);
  pn_session_t* session = pn_session(driver_.connection);
  pn_session_open(session);
  cbs_out_ = pn_sender(session, "cbs-out");
  pn_terminus_set_address(pn_link_target(cbs_out_), "$cbs");
  cbs_in_ = pn_receiver(session, "cbs-in");
  pn_terminus_set_address(pn_link_source(cbs_in_), "$cbs");
  pn_terminus_set_address(pn_link_target(cbs_in_), "bench-floor-cbs");
  pn_link_open(cbs_out_);
  pn_link_open(cbs_in_);
  pn_link_flow(cbs_in_, 1);
  fd_ = connected_socket(port);
  loop_.watch(fd_, EPOLLIN | EPOLLOUT, [this](uint32_t events) { on_socket(events); });
  tick();
}

floor_bus::~floor_bus() {
  loop_.unwatch(fd_);
  close(fd_);
  pn_connection_driver_destroy(&driver_);
}

void floor_bus::tick() {
  pn_transport_tick(
      driver_.transport,
      std::chrono::duration_cast<std::chrono::milliseconds>(io::clock::now().time_since_epoch()).count());
  write();
  loop_.after(tick_every, [this] { tick(); });
}

void floor_bus::on_socket(uint32_t events) {
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read();
  pump();
}

void floor_bus::read() {
  for (;;) {
    const pn_rwbytes_t room = pn_connection_driver_read_buffer(&driver_);
    if (room.size == 0) return;
    const ssize_t n = recv(fd_, room.start, room.size, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("bus: connection lost");
    pn_connection_driver_read_done(&driver_, static_cast<size_t>(n));
    dispatch();
    if (static_cast<size_t>(n) < room.size) return;
  }
}

void floor_bus::dispatch() {
  while (pn_event_t* e = pn_connection_driver_next_event(&driver_)) on_event(e);
}

void floor_bus::on_event(pn_event_t* e) {
  pn_link_t* link = pn_event_link(e);
  switch (pn_event_type(e)) {
    case PN_TRANSPORT_ERROR:
      return die("bus: protocol error");
    case PN_CONNECTION_REMOTE_CLOSE:
    case PN_LINK_REMOTE_CLOSE:
    case PN_LINK_REMOTE_DETACH:
      return die("bus: refused");
    case PN_LINK_FLOW:
      if (link == cbs_out_ && link_ == nullptr) put_token();
      return;
    case PN_LINK_REMOTE_OPEN:
      if (link == link_) handler_.ready();
      return;
    case PN_DELIVERY:
      break;
    default:
      return;
  }
  pn_delivery_t* d = pn_event_delivery(e);
  if (link == cbs_in_ && !pn_delivery_partial(d)) {
    pn_link_advance(link);
    pn_delivery_settle(d);
    attach();
  } else if (link == link_ && pn_delivery_readable(d)) {
    if (pn_delivery_partial(d)) return;
    message_.resize(pn_delivery_pending(d));
    const ssize_t n = pn_link_recv(link_, message_.data(), message_.size());
    message_.resize(n > 0 ? static_cast<size_t>(n) : 0);
    pn_link_advance(link_);
    handler_.delivery(d, message_);
  } else if (link == link_ && pn_delivery_settled(d)) {
    if (pn_delivery_remote_state(d) != PN_ACCEPTED) die("bus: a settlement was refused");
    pn_delivery_settle(d);
    ++owed_;
    handler_.settled();
  }
}

void floor_bus::put_token() {
  const std::string audience = "sb://localhost:" + std::to_string(port_) + "/" + entity_;
  const auto expires = std::chrono::system_clock::now() + std::chrono::hours{1};
  const auto parts = amqp::put_token_request(
      {"servicebus.windows.net:sastoken", azure::make_sas_token(audience, "dev", "dev", expires), expires},
      audience);
  const std::string m =
      amqp::encode_request("1", "bench-floor-cbs", parts.application_properties, parts.body);
  pn_delivery(cbs_out_, pn_dtag("1", 1));
  pn_link_send(cbs_out_, m.data(), m.size());
  pn_link_advance(cbs_out_);
}

void floor_bus::attach() {
  pn_session_t* session = pn_session(driver_.connection);
  pn_session_open(session);
  link_ = pn_receiver(session, "bench-floor");
  pn_terminus_set_address(pn_link_source(link_), entity_.c_str());
  pn_terminus_set_address(pn_link_target(link_), "bench-floor");
  pn_link_set_snd_settle_mode(link_, PN_SND_UNSETTLED);
  pn_link_set_rcv_settle_mode(link_, PN_RCV_SECOND);
  pn_link_open(link_);
  pn_link_flow(link_, credit_);
}

void floor_bus::accept(pn_delivery_t* d) {
  pn_delivery_update(d, PN_ACCEPTED);
  if (pump_posted_) return;
  pump_posted_ = true;
  loop_.post([this] {
    pump_posted_ = false;
    pump();
  });
}

void floor_bus::pump() {
  // Not for every single one: a flow frame costs as much as a disposition.
  if (owed_ > credit_ / 4) pn_link_flow(link_, std::exchange(owed_, 0));
  dispatch();
  write();
}

void floor_bus::write() {
  for (;;) {
    const pn_bytes_t out = pn_connection_driver_write_buffer(&driver_);
    if (out.size == 0) break;
    const ssize_t n = send(fd_, out.start, out.size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) die("bus: connection lost");
    if (n <= 0) break;
    pn_connection_driver_write_done(&driver_, static_cast<size_t>(n));
    dispatch();
  }
  const bool wanted = pn_connection_driver_write_buffer(&driver_).size > 0;
  if (wanted == want_write_) return;
  want_write_ = wanted;
  loop_.modify(fd_, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

}  // namespace mw::bench
