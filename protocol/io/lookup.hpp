// The addresses of a host name, looked up off the loop: getaddrinfo blocks for as long as the name server
// likes, so it runs on a thread of its own that nobody waits for. Used by the AMQP and the Redis connection;
// everything on the loop's thread. No time-out of its own: the owner bounds its phases and cancels.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/errors.hpp"
#include "protocol/io/loop.hpp"

namespace mw::io {

struct address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

/// Of a numeric host ("127.0.0.1", "::1"), without waiting; nullopt where it is a name.
std::optional<std::vector<address>> numeric_addresses(const std::string& host, uint16_t port);

class lookup {
 public:
  struct answer {
    int error = 0;  ///< EAI_...; 0: found
    std::vector<address> addresses;
  };
  /// Runs a function on a thread of its own; throws std::system_error where there can be none.
  using run_apart = std::function<void(std::function<void()>)>;

  /// `done` is called once, from the loop, unless it is cancelled before; it may destroy the lookup. `flags`
  /// are getaddrinfo's (AI_ADDRCONFIG). unreachable where there is no thread or descriptor left for it.
  static result<std::unique_ptr<lookup>> start(loop& l, const std::string& host, uint16_t port, int flags,
                                               std::function<void(answer)> done,
                                               const run_apart& apart = on_detached_thread);
  /// Does not touch the loop: cancel() first while it runs.
  ~lookup() = default;
  lookup(const lookup&) = delete;
  lookup& operator=(const lookup&) = delete;

  /// `done` is not called any more.
  void cancel();

 private:
  struct shared;
  static void on_detached_thread(std::function<void()> f);
  lookup(loop& l, std::function<void(answer)> done);
  void found();

  loop& loop_;
  std::shared_ptr<shared> shared_;
  std::function<void(answer)> done_;
};

}  // namespace mw::io
