// Which memory store the settings name, and its making: our Memory API where memory_writer.endpoint is set,
// else Cosmos DB. Used by live_ports.cpp, run.cpp and check.cpp.
#pragma once

#include <memory>
#include <string>

#include "protocol/azure/token_source.hpp"
#include "protocol/config/settings.hpp"
#include "protocol/http/client.hpp"
#include "protocol/io/loop.hpp"
#include "protocol/memory/store.hpp"
#include "protocol/observe/metrics.hpp"

namespace mw {

/// For logs and `check`: the Memory API's address, or account, database and containers.
std::string memory_place(const config::memory_writer_settings& s);

/// Loop, client and metrics outlive the store; `tokens` are for Cosmos DB without a key; without `metrics`
/// nothing is counted. errc::misconfigured: one line naming the variable and the fix.
result<std::unique_ptr<memory::store>> make_store(const config::memory_writer_settings& s, io::loop& loop,
                                                  http::client& client,
                                                  std::shared_ptr<azure::token_source> tokens,
                                                  observe::metrics* metrics);

}  // namespace mw
