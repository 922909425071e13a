// `memory-devstack entra`: the stand-in on a loopback port until SIGTERM or SIGINT. Prints {"listening":PORT}
// on stdout once it accepts requests. Returns the process's exit code: 0 stopped, 64 usage, 69 port not
// available.
#pragma once

#include <span>
#include <string>

namespace mw::devstack {

int run_entra(std::span<const std::string> args);

}  // namespace mw::devstack
