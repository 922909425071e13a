// A port of 127.0.0.1 on which nobody listens, for a server that a test starts: below the range from which
// the system gives connections theirs, so that none takes it while the server is down. Each test program
// walks from a place of its own.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace mw::testing {

inline uint16_t free_port() {
  static std::atomic<uint32_t> given{static_cast<uint32_t>(getpid()) * 100};
  for (;;) {
    const auto port = static_cast<uint16_t>(20'000 + given++ % 12'000);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 && listen(fd, 1) == 0;
    close(fd);
    if (free) return port;
  }
}

}  // namespace mw::testing
