// Reads the chat application's conversations from Redis, never writes them. Used by session_loader. The size
// is asked first (STRLEN), so that bytes are taken only when the caller has room for them. Any thread;
// callbacks on the client's loop thread (or on the thread that calls the permission), `done` exactly once
// unless the permission is never answered.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/redis/client.hpp"

namespace mw::redis {

class session_source {
 public:
  /// Go on (true), or give up: `done` gets errc::cancelled. To be called once, now or later, on any thread.
  using permission_fn = std::function<void(bool go_on)>;
  /// Asked with the conversation's bytes; it may have grown a little until it is read.
  using admit_fn = std::function<void(size_t bytes, permission_fn answer)>;
  using done_fn = std::function<void(result<std::string>)>;

  explicit session_source(std::shared_ptr<client> connection) : client_(std::move(connection)) {}

  /// The text stored under `session:{session_id}`. Errors: conversation_missing (no such key, or empty),
  /// too_large (naming both sizes), conversation_malformed (the key holds no string), and the client's.
  void read(std::string_view session_id, size_t max_bytes, admit_fn admit, done_fn done);

 private:
  std::shared_ptr<client> client_;
};

}  // namespace mw::redis
