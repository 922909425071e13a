// A proxy as companies have them, for HTTPS: it takes CONNECT to any port of the loopback and passes bytes on
// both ways. One thread; ends with the object, and its connections with it.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/unit/http/loopback_socket.hpp"

namespace mw::http::testing {

class tunnel_proxy {
 public:
  tunnel_proxy() : thread_([this] { run(); }) {}
  ~tunnel_proxy() {
    eventfd_write(stop_, 1);
    thread_.join();
    for (const int fd : {stop_, listening_.fd}) close(fd);
  }
  tunnel_proxy(const tunnel_proxy&) = delete;
  tunnel_proxy& operator=(const tunnel_proxy&) = delete;

  const std::string& url() const { return url_; }
  int tunnels() const { return tunnels_; }

 private:
  void run() {
    std::vector<pollfd> all;
    do {
      all = {{stop_, POLLIN, 0}, {listening_.fd, POLLIN, 0}};
      for (const auto& [fd, other] : other_side_) all.push_back({fd, POLLIN, 0});
      poll(all.data(), all.size(), -1);
      for (size_t i = 2; i < all.size(); ++i)
        if (all[i].revents != 0 && !pass_on(all[i].fd)) end(all[i].fd);
      if (all[1].revents != 0)
        other_side_.emplace(accept4(listening_.fd, nullptr, nullptr, SOCK_CLOEXEC), -1);
    } while (all[0].revents == 0);
    while (!other_side_.empty()) end(other_side_.begin()->first);
  }

  bool pass_on(int fd) {
    const auto at = other_side_.find(fd);
    if (at == other_side_.end()) return true;  // ended with its other side just now
    std::array<char, 65'536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
    const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) return false;
    const std::string_view bytes{buffer.data(), static_cast<size_t>(n)};
    if (at->second < 0) return open_tunnel(fd, bytes);
    return send(at->second, bytes.data(), bytes.size(), MSG_NOSIGNAL) == n;
  }

  /// The request is short and nothing follows it before its answer, so that it comes in one piece.
  bool open_tunnel(int fd, std::string_view request) {
    const size_t colon = request.find(':');
    if (!request.starts_with("CONNECT ") || colon == std::string_view::npos) return false;
    const sockaddr_in to = loopback(static_cast<uint16_t>(std::atoi(request.data() + colon + 1)));
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    other_side_[fd] = server;
    other_side_[server] = fd;
    ++tunnels_;
    constexpr std::string_view answer = "HTTP/1.1 200 Connection established\r\n\r\n";
    return connect(server, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 &&
           send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) > 0;
  }

  void end(int fd) {
    const auto node = other_side_.extract(fd);
    if (node.empty()) return;
    close(fd);
    if (node.mapped() >= 0) end(node.mapped());
  }

  const listening_socket listening_;
  int stop_ = eventfd(0, EFD_CLOEXEC);
  const std::string url_ = "http://127.0.0.1:" + std::to_string(listening_.port);
  std::atomic<int> tunnels_{0};
  std::map<int, int> other_side_;  // -1: no tunnel yet
  std::thread thread_;
};

}  // namespace mw::http::testing
