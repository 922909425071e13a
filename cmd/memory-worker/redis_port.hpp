// The session_port over a live Redis: the conversation and our own keys on one pipelined connection. Made by
// live_ports.cpp, one per connection. What Redis refuses of our own keys costs no job anything: the feature
// is off until Redis takes them again; the gate, shared by the connections of the process, says so in the
// log.
#pragma once

#include <memory>

#include "actors/ports.hpp"
#include "protocol/config/settings.hpp"
#include "protocol/redis/own_keys.hpp"

namespace mw {

struct lease_terms {
  std::string token;  ///< of this process, unlike any other's
  std::chrono::milliseconds ttl{};
};
/// Random.
std::string make_lease_token();

/// One log line when Redis begins to refuse our keys, one when it takes them again.
std::shared_ptr<redis::write_gate> make_redis_gate();

/// `entity`: whose sequence numbers are counted by; workers of several may share one Redis.
std::shared_ptr<session_port> make_redis_port(std::shared_ptr<redis::client> client,
                                              const config::session_loader_settings& s,
                                              std::shared_ptr<redis::write_gate> gate, lease_terms leases,
                                              std::string entity);

}  // namespace mw
