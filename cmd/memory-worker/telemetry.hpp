// From the configuration to what observe::telemetry needs. Called by `run` at its start.
#pragma once

#include <memory>

#include "protocol/config/settings.hpp"
#include "protocol/observe/trace/telemetry.hpp"

namespace mw {

/// Null where no exporter is configured, or telemetry is disabled. misconfigured: the connection string of
/// Application Insights cannot be read. `tokens` may be null; it outlives the telemetry.
result<std::unique_ptr<observe::telemetry>> make_telemetry(const config::settings& s, io::loop& loop,
                                                           observe::metrics& m, azure::token_source* tokens);

/// Where traces go and whether they carry conversation text, for the start log; empty: nothing is exported.
std::string describe_telemetry(const config::settings& s);

}  // namespace mw
