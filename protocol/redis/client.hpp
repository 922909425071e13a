// A Redis as one connection, or a cluster of it: RESP2 through hiredis's codec (its reader and command
// formatter, not its sockets) on our own non-blocking transport, pipelined. MOVED and ASK are followed, over
// further connections made on demand; a lost one fails its own commands only. No reconnect but that: the
// client ends once, with its connection, in a cluster with the last of them; `closed` says why, the owner (an
// actor under the supervisor) makes a new one. connect() and command() may be called from any thread;
// callbacks run on the loop thread, each exactly once. Every command has a time-out; a timed-out command ends
// its connection (a late reply would shift the pipeline). Errors: unreachable, timed_out, connection_lost,
// unauthorized, forbidden (NOPERM, naming command and key pattern), overloaded (LOADING, TRYAGAIN,
// CLUSTERDOWN, MASTERDOWN, too many redirects), no_memory (OOM, READONLY: reads go on), too_large, malformed,
// rejected (any other -ERR). When a connection ends, the command at fault (timed_out, too_large, malformed)
// gets that error, the others connection_lost, in order, then `closed`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/azure/token_source.hpp"
#include "protocol/base/errors.hpp"
#include "protocol/base/request_told.hpp"
#include "protocol/io/loop.hpp"

namespace mw::redis {

struct reply {
  enum class kind : uint8_t { nil, text, integer, array };
  kind type = kind::nil;
  std::string text;
  int64_t integer = 0;
  std::vector<reply> items;
};

/// The Entra scope of Azure's Redis services.
inline constexpr std::string_view entra_scope = "https://redis.azure.com/.default";

struct client_options {
  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  std::string username;  ///< empty: none; with `tokens`: the token's object id
  std::string password;  ///< empty: no AUTH
  /// Entra instead of a password: AUTH with a token, renewed on the live connection; a refused one ends it.
  std::shared_ptr<azure::token_source> tokens;
  bool tls = false;     ///< the certificate must be for `host`
  std::string ca_file;  ///< PEM; empty: the system's certificates
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds command_timeout{5'000};
  size_t max_reply_bytes = 32u << 20;
  /// Of every command that was sent, and of every connection that was made or could not be.
  request_told told;
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
  /// id (empty where the user may not call INFO, and in a cluster). `closed` is called at most once: when
  /// connecting failed (instead of ready) or the connection ended later. To be called once, before the first
  /// command.
  void connect(std::function<void(std::string run_id)> ready, closed_fn closed);
  /// Sent as soon as the connection is ready; commands of one loop iteration leave in one write. An array's
  /// items that are errors are given as their text.
  void command(std::vector<std::string> argv, reply_fn done);

 private:
  class impl;
  std::shared_ptr<impl> impl_;
};

}  // namespace mw::redis
