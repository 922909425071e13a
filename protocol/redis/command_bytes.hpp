// A command as bytes on the wire (RESP2: an array of bulk strings), and what can be read back from them: its
// name and its key, for routing in a cluster and for the words of an error. Used by the client and its nodes.
// Written straight into the buffer that is sent: hiredis's formatter takes five times as long and a copy
// more; the tests compare with it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mw::redis {

/// Appends the command's bytes; `argv` is not empty.
void append_command(std::string& out, const std::vector<std::string>& argv);

struct command_words {
  std::string_view name;
  std::string_view key;  ///< empty: the command has none (PING, INFO, CLUSTER ...)
};
/// Of bytes that append_command made; views into them.
command_words words_of(std::string_view bytes);

/// The ACL pattern that covers a key of ours ("session:*"); empty for a key without ':'.
std::string key_pattern(std::string_view key);

}  // namespace mw::redis
