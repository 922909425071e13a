// RESP2 bytes to replies, through hiredis's reader; and the meaning of an -ERR line. Used by client only. One
// reader per connection, one thread. A reply is built once, in place; the bytes of one reply are capped.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"
#include "protocol/redis/client.hpp"

namespace mw::redis {

/// One reply as it came; an error's line (without the '-') is in value.text.
struct raw_reply {
  reply value;
  bool is_error = false;
};

class reply_reader {
 public:
  /// Takes one reply; false: stop, the connection has ended.
  using sink_fn = std::function<bool(raw_reply)>;
  reply_reader(size_t max_reply_bytes, sink_fn sink);
  ~reply_reader();
  reply_reader(const reply_reader&) = delete;
  reply_reader& operator=(const reply_reader&) = delete;

  /// errc::malformed where the bytes are not RESP2, errc::too_large where one reply has more bytes than the
  /// cap. After a failure the reader is of no use.
  status receive(std::string_view bytes);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// What Redis means by an error line ("NOAUTH Authentication required."). detail: `where`, the line (cut
/// before any argument it repeats), and what a person can do about it. `command` and `pattern` (of its key)
/// name the permission that is missing.
failure meaning_of(std::string_view error_line, std::string_view where, std::string_view command = {},
                   std::string_view pattern = {});

}  // namespace mw::redis
