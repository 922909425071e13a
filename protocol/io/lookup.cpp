#include "protocol/io/lookup.hpp"

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <system_error>
#include <thread>

namespace mw::io {
namespace {

lookup::answer ask(const std::string& host, uint16_t port, int flags) {
  lookup::answer out;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  out.error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (out.error != 0) return out;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    address found;
    found.size = std::min<socklen_t>(a->ai_addrlen, sizeof found.bytes);
    std::memcpy(&found.bytes, a->ai_addr, found.size);
    out.addresses.push_back(found);
  }
  freeaddrinfo(list);
  return out;
}

}  // namespace

std::optional<std::vector<address>> numeric_addresses(const std::string& host, uint16_t port) {
  auto a = ask(host, port, AI_NUMERICHOST);
  if (a.error != 0) return std::nullopt;
  return std::move(a.addresses);
}

/// What the thread knows: neither the lookup nor the loop, which may be gone when getaddrinfo returns at
/// last.
struct lookup::shared {
  int done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  answer result;
  shared() = default;
  shared(const shared&) = delete;
  shared& operator=(const shared&) = delete;
  ~shared() {
    if (done >= 0) ::close(done);
  }
};

lookup::lookup(loop& l, std::function<void(answer)> done)
    : loop_(l), shared_(std::make_shared<shared>()), done_(std::move(done)) {}

void lookup::on_detached_thread(std::function<void()> f) {
  std::thread{std::move(f)}.detach();
}

result<std::unique_ptr<lookup>> lookup::start(loop& l, const std::string& host, uint16_t port, int flags,
                                              std::function<void(answer)> done, const run_apart& apart) {
  std::unique_ptr<lookup> made{new lookup{l, std::move(done)}};
  auto s = made->shared_;
  if (s->done < 0) return fail(errc::unreachable, "cannot resolve " + host + ": out of file descriptors");
  try {
    apart([s, host, port, flags] {
      s->result = ask(host, port, flags);
      eventfd_write(s->done, 1);
    });
  } catch (const std::system_error& e) {
    return fail(errc::unreachable, "cannot resolve " + host + ": no thread: " + e.what());
  }
  l.watch(s->done, EPOLLIN, [self = made.get()](uint32_t) { self->found(); });
  return made;
}

void lookup::found() {
  const auto s = shared_;
  const auto done = std::move(done_);
  cancel();
  done(std::move(s->result));
}

void lookup::cancel() {
  if (shared_) loop_.unwatch(shared_->done);
  shared_.reset();
}

}  // namespace mw::io
