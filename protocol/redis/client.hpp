// One Redis connection: RESP2 through hiredis's codec (its reader and command formatter, not its sockets) on
// our own non-blocking transport, pipelined. No reconnect: the connection ends once, `closed` says why, the
// owner (an actor under the supervisor) makes a new one. connect() and command() may be called from any
// thread; callbacks run on the loop thread, each exactly once. Every command has a time-out; a timed-out
// command ends the connection (a late reply would shift the pipeline). Errors: unreachable, timed_out,
// connection_lost, unauthorized, forbidden, overloaded (LOADING), no_memory (OOM, READONLY), too_large,
// malformed, misconfigured (MOVED), rejected (any other -ERR). When the connection ends, the command at fault
// (timed_out, too_large, malformed) gets that error, the others connection_lost, in order, then `closed`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/errors.hpp"
#include "protocol/io/loop.hpp"

namespace mw::redis {

struct reply {
  enum class kind : uint8_t { nil, text, integer, array };
  kind type = kind::nil;
  std::string text;
  int64_t integer = 0;
  std::vector<reply> items;
};

struct client_options {
  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  std::string username;  ///< empty: none
  std::string password;  ///< empty: no AUTH
  bool tls = false;      ///< the transport's TLS layer; refused as misconfigured until it is built in
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds command_timeout{5'000};
  size_t max_reply_bytes = 32u << 20;
};

class client {
 public:
  using reply_fn = std::function<void(result<reply>)>;
  using closed_fn = std::function<void(failure)>;
  /// The loop must outlive the client.
  client(io::loop& loop, client_options options);
  ~client();  ///< any thread; pending commands end as `cancelled` (on the loop), `closed` is not called
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// Resolves, connects, AUTHs, asks INFO server (run id), all within connect_timeout. `ready` gets the run
  /// id (empty where the user may not call INFO). `closed` is called at most once: when connecting failed
  /// (instead of ready) or the connection ended later. To be called once, before the first command.
  void connect(std::function<void(std::string run_id)> ready, closed_fn closed);
  /// Sent as soon as the connection is ready; commands of one loop iteration leave in one write. An array's
  /// items that are errors are given as their text.
  void command(std::vector<std::string> argv, reply_fn done);

 private:
  class impl;
  std::shared_ptr<impl> impl_;
};

}  // namespace mw::redis
