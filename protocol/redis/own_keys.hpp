// Our own keys in the chat application's Redis (saved answers, attempts, leases), all under one prefix and
// all with a time to live. Used by the actors that may do without: a Redis that refuses a write closes the
// gate, and until it opens again writes are answered with that refusal and not sent. Names are given without
// the prefix. Any thread; callbacks on the client's loop thread, each exactly once; where nothing is sent, on
// the caller's thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/redis/client.hpp"
#include "protocol/redis/write_gate.hpp"

namespace mw::redis {

/// Runs a command on a key that still holds our token. ARGV: the token, then the command without its key.
inline constexpr std::string_view act_script =
    "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call(ARGV[2],KEYS[1],unpack(ARGV,3)) end return "
    "0";

inline constexpr std::string_view own_prefix = "memory-worker:";

class own_keys {
 public:
  using milliseconds = std::chrono::milliseconds;
  template <class T>
  using done_fn = std::function<void(result<T>)>;

  /// `gate` outlives the connection, so that a refusal is known to the next one; null: one of its own.
  explicit own_keys(std::shared_ptr<client> connection, std::string prefix = std::string{own_prefix},
                    std::shared_ptr<write_gate> gate = nullptr);

  /// nullopt: no such key.
  void get(std::string_view name, done_fn<std::optional<std::string>> done);
  /// ttl: at least 1 ms, here and below.
  void set(std::string_view name, std::string value, milliseconds ttl, done_fn<ok_t> done);
  /// True: there was one.
  void remove(std::string_view name, done_fn<bool> done);
  /// Adds one and renews the time to live; the new value.
  void increment(std::string_view name, milliseconds ttl, done_fn<int64_t> done);

  // --- leases: a key that holds its owner's token ---
  /// True: it is ours now, or was already (another call with this token).
  void acquire_lease(std::string_view name, const std::string& token, milliseconds ttl, done_fn<bool> done);
  /// False: it is not ours any more.
  void renew_lease(std::string_view name, const std::string& token, milliseconds ttl, done_fn<bool> done);
  /// Deletes it if it is ours still. False: it was not.
  void release_lease(std::string_view name, const std::string& token, done_fn<bool> done);

  write_gate& gate() { return *state_->gate; }

 private:
  struct state {
    std::shared_ptr<client> connection;
    std::string prefix;
    std::shared_ptr<write_gate> gate;
    std::atomic<bool> scripts_refused{false};
    std::string key_of(std::string_view name) const;
  };
  /// A lease's compare and act, by script or, where scripts are refused, in two steps.
  static void act_if_ours(const std::shared_ptr<state>& s, const std::string& key, const std::string& token,
                          std::vector<std::string> action, done_fn<bool> done);
  static void act_in_two_steps(const std::shared_ptr<state>& s, const std::string& key,
                               const std::string& token, std::vector<std::string> action, done_fn<bool> done);
  std::shared_ptr<state> state_;
};

}  // namespace mw::redis
