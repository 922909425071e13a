// A TCP server that accepts connections, reads what comes, says one fixed text (or nothing) and keeps the
// connection open: for time-outs, cancelling, and answers that no HTTP server would give.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/http/loopback_socket.hpp"

namespace mw::http::testing {

class hanging_peer {
 public:
  explicit hanging_peer(std::string says = {}) : says_(std::move(says)) {
    thread_ = std::thread{[this] { run(); }};
  }
  ~hanging_peer() {
    eventfd_write(stop_, 1);
    thread_.join();
    for (const int fd : {stop_, listening_.fd}) close(fd);
  }
  hanging_peer(const hanging_peer&) = delete;
  hanging_peer& operator=(const hanging_peer&) = delete;

  uint16_t port() const { return listening_.port; }
  /// Until the first bytes of the first connection have arrived.
  void wait_for_connection() const { heard_future_.wait(); }

 private:
  void run() {
    std::vector<pollfd> all{{stop_, POLLIN, 0}, {listening_.fd, POLLIN, 0}};
    while (all[0].revents == 0) {
      poll(all.data(), all.size(), -1);
      for (size_t i = all.size(); i-- > 2;)
        if (all[i].revents != 0 && !read_from(all[i].fd)) {
          close(all[i].fd);
          all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
        }
      if (all[1].revents != 0) all.push_back({accept(listening_.fd, nullptr, nullptr), POLLIN, 0});
    }
    for (size_t i = 2; i < all.size(); ++i) close(all[i].fd);
  }
  bool read_from(int fd) {
    std::array<char, 4096> buffer{};
    if (recv(fd, buffer.data(), buffer.size(), 0) <= 0) return false;
    if (!says_.empty()) send(fd, says_.data(), says_.size(), MSG_NOSIGNAL);
    if (!heard_once_) heard_.set_value();
    heard_once_ = true;
    return true;
  }

  std::string says_;
  const listening_socket listening_;
  int stop_ = eventfd(0, EFD_CLOEXEC);
  bool heard_once_ = false;
  std::promise<void> heard_;
  std::shared_future<void> heard_future_ = heard_.get_future().share();
  std::thread thread_;
};

}  // namespace mw::http::testing
