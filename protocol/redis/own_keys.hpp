// Our own keys in the chat application's Redis (saved answers, attempts, leases), all under the prefix
// "memory-worker:" and all with a time to live. Used by the actors that may do without: a no_memory or
// forbidden answer to a write means this Redis takes none, and the caller switches the feature off. Names are
// given without the prefix. Any thread; callbacks on the client's loop thread, each exactly once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/redis/client.hpp"

namespace mw::redis {

inline constexpr std::string_view own_prefix = "memory-worker:";

class own_keys {
 public:
  using milliseconds = std::chrono::milliseconds;
  template <class T>
  using done_fn = std::function<void(result<T>)>;

  explicit own_keys(std::shared_ptr<client> connection) : client_(std::move(connection)) {}

  /// nullopt: no such key.
  void get(std::string_view name, done_fn<std::optional<std::string>> done);
  /// ttl: at least 1 ms, here and below.
  void set(std::string_view name, std::string value, milliseconds ttl, done_fn<ok_t> done);
  /// SET NX PX. True: it was absent and is ours now.
  void set_if_absent(std::string_view name, std::string value, milliseconds ttl, done_fn<bool> done);
  /// True: there was one.
  void remove(std::string_view name, done_fn<bool> done);
  /// Adds one and renews the time to live; the new value.
  void increment(std::string_view name, milliseconds ttl, done_fn<int64_t> done);

 private:
  std::shared_ptr<client> client_;
};

}  // namespace mw::redis
