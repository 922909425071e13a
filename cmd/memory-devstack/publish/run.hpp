// `memory-devstack publish`: sample conversations into Redis and their events on the topic, as the chat
// application does it. Prints one JSON line a conversation on stdout. Returns the process's exit code: 0 all
// published, 64 usage, 65 a file is wrong, 69 Redis or the bus cannot be used.
#pragma once

#include <span>
#include <string>

namespace mw::devstack {

int run_publish(std::span<const std::string> args);

}  // namespace mw::devstack
