// SIGHUP: reads the configuration anew from where it was read at start (file and .env; the process's
// environment and command line cannot change) and applies its reloadable options at once, or none of it where
// any of it is wrong: every problem is logged, and the worker goes on with what it has.
#pragma once

#include "cmd/memory-worker/live_ports.hpp"
#include "protocol/config/load.hpp"
#include "protocol/config/reload.hpp"
#include "protocol/observe/metrics.hpp"

namespace mw {

/// Notes and warnings, which it counts.
void log_configuration(const config::loaded& c, observe::metrics& metrics);
/// True where `settings` were replaced: the actors are to be told. Reads files, so it may take milliseconds.
bool reload_configuration(const config::inputs& in, config::current& settings, live_world& world,
                          observe::metrics& metrics);

}  // namespace mw
