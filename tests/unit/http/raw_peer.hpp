// A plain TCP client for what a well-behaved HTTP client would not send; blocking, used by the server's
// tests.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "tests/unit/http/loopback_socket.hpp"

namespace mw::http::testing {

class raw_peer {
 public:
  explicit raw_peer(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in to = loopback(port);
    timeval limit{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~raw_peer() { close(fd_); }
  raw_peer(const raw_peer&) = delete;
  raw_peer& operator=(const raw_peer&) = delete;

  bool connected() const { return connected_; }
  bool send_text(std::string_view text) const {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  /// Everything up to the end of the connection.
  std::string read_all() const {
    std::string out;
    while (read_some(out)) {
    }
    return out;
  }
  /// Until `mark` has arrived; what came so far where the connection ends before.
  std::string read_until(std::string_view mark) const {
    std::string out;
    while (out.find(mark) == std::string::npos && read_some(out)) {
    }
    return out;
  }
  /// One request with `Connection: close`, the whole answer.
  std::string exchange(std::string_view request) const {
    send_text(request);
    return read_all();
  }

 private:
  bool read_some(std::string& out) const {
    std::array<char, 4096> buffer{};
    const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
    if (n > 0) out.append(buffer.data(), static_cast<size_t>(n));
    return n > 0;
  }
  int fd_;
  bool connected_ = false;
};

}  // namespace mw::http::testing
