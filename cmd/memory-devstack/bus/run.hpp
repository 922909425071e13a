// The `bus` subcommand of memory-devstack: listens until SIGTERM or SIGINT. Returns the process's exit code:
// 0 after a signal, 78 for a command line or TLS file that cannot work, 1 when it cannot listen.
#pragma once

#include <span>
#include <string>

namespace mw::devstack {

int run_bus(std::span<const std::string> args);

}  // namespace mw::devstack
