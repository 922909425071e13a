#include "cmd/memory-devstack/tls/front.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "protocol/io/run_on.hpp"

namespace mw::devstack {
namespace {

constexpr size_t enough = 1 << 20;  // waiting for one side: the other is not read meanwhile

sockaddr_in loopback(uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

/// One client and its connection to the plain server; keeps itself alive through the loop's watches.
class tunnel : public std::enable_shared_from_this<tunnel> {
 public:
  tunnel(io::loop& loop, const tls_context& context, int client, int server)
      : loop_(loop), tls_(context), client_{client, {}, false}, server_{server, {}, false} {}
  ~tunnel() {
    close(client_.fd);
    close(server_.fd);
  }
  tunnel(const tunnel&) = delete;
  tunnel& operator=(const tunnel&) = delete;

  void open() {
    auto self = shared_from_this();
    loop_.watch(client_.fd, EPOLLIN, [self](uint32_t) { self->move(); });
    loop_.watch(server_.fd, EPOLLIN, [self](uint32_t) { self->move(); });
  }

 private:
  struct side {
    int fd;
    std::string out;  ///< what it has yet to take
    bool ended;
  };

  void move() {
    if (over_) return;
    bool fine = true;
    if (server_.out.size() < enough && !client_.ended) fine = take(client_, encrypted_) && decrypt();
    if (fine && client_.out.size() < enough && !server_.ended)
      fine = take(server_, plain_) && tls_.send(plain_);
    plain_.clear();
    tls_.take_output(client_.out);
    fine = give(client_) && give(server_) && fine;
    // An end is passed on once everything before it is.
    if (!fine || (server_.ended && client_.out.empty()) || (client_.ended && server_.out.empty()))
      return end();
    loop_.modify(client_.fd, interest(client_, server_));
    loop_.modify(server_.fd, interest(server_, client_));
  }

  bool decrypt() {
    const bool fine = tls_.receive(encrypted_, server_.out);
    encrypted_.clear();
    return fine;
  }

  static uint32_t interest(const side& of, const side& other) {
    return (of.ended || other.out.size() >= enough ? 0U : uint32_t{EPOLLIN}) |
           (of.out.empty() ? 0U : uint32_t{EPOLLOUT});
  }

  static bool take(side& from, std::string& into) {
    std::array<char, 65'536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
    const ssize_t n = recv(from.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n == 0) from.ended = true;
    if (n > 0) into.append(buffer.data(), static_cast<size_t>(n));
    return n >= 0 || errno == EAGAIN || errno == EINTR;
  }

  static bool give(side& to) {
    while (!to.out.empty()) {
      const ssize_t n = send(to.fd, to.out.data(), to.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      to.out.erase(0, static_cast<size_t>(n));
    }
    return true;
  }

  void end() {
    over_ = true;
    loop_.unwatch(client_.fd);
    loop_.unwatch(server_.fd);
  }

  io::loop& loop_;
  tls_session tls_;
  side client_;
  side server_;
  std::string encrypted_;
  std::string plain_;
  bool over_ = false;
};

}  // namespace

result<std::unique_ptr<tls_front>> tls_front::start(uint16_t port, uint16_t upstream,
                                                    const std::string& certificate, const std::string& key) {
  std::unique_ptr<tls_front> made{new tls_front};
  auto context = tls_context::load(certificate, key);
  if (!context) return context.error();
  made->context_ = *context;
  made->upstream_ = upstream;
  made->listening_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(made->listening_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at = loopback(port);
  socklen_t size = sizeof at;
  auto* generic = reinterpret_cast<sockaddr*>(&at);
  if (bind(made->listening_, generic, size) != 0 || listen(made->listening_, 128) != 0 ||
      getsockname(made->listening_, generic, &size) != 0)
    return fail(errc::misconfigured,
                "cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + std::strerror(errno));
  made->port_ = ntohs(at.sin_port);
  auto* front = made.get();
  made->thread_.get().post([front] {
    front->thread_.get().watch(front->listening_, EPOLLIN, [front](uint32_t) { front->accept_all(); });
  });
  return made;
}

tls_front::~tls_front() {
  io::run_on(thread_.get(), [this] { thread_.get().unwatch(listening_); });
  if (listening_ >= 0) close(listening_);
}

void tls_front::accept_all() {
  for (;;) {
    const int client = accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in at = loopback(upstream_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
      close(client);
      close(server);
      continue;
    }
    const int on = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::make_shared<tunnel>(thread_.get(), *context_, client, server)->open();
  }
}

}  // namespace mw::devstack
