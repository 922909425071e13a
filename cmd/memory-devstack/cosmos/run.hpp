// `memory-devstack cosmos`: the Cosmos DB stand-in on loopback until SIGTERM or SIGINT. Returns the exit
// code.
#pragma once

#include <span>
#include <string>

namespace mw::devstack {

int run_cosmos(std::span<const std::string> args);

}  // namespace mw::devstack
