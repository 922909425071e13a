// A command as bytes on the wire, through hiredis's formatter, and what can be read back from them: its name
// and its key, for routing in a cluster and for the words of an error. Used by the client and its nodes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mw::redis {

/// Appends the command's bytes; false where it cannot be formatted (no argument, no memory).
bool append_command(std::string& out, const std::vector<std::string>& argv);

struct command_words {
  std::string_view name;
  std::string_view key;  ///< empty: the command has none (PING, INFO, CLUSTER ...)
};
/// Of bytes that append_command made; views into them.
command_words words_of(std::string_view bytes);

/// The ACL pattern that covers a key of ours ("session:*"); empty for a key without ':'.
std::string key_pattern(std::string_view key);

}  // namespace mw::redis
