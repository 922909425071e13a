// What `memory-worker check` finds out of a Redis that is connected, and says about one that is not: what the
// logged-in user may do, and what to do about a refusal. Waits for answers, at most three command time-outs
// each.
#pragma once

#include <string>
#include <vector>

#include "actors/ports.hpp"
#include "protocol/config/settings.hpp"

namespace mw {

struct redis_rights {
  status read = ok;      ///< of conversations
  status own_keys = ok;  ///< keeping keys of our own; ok where that is off
};
redis_rights try_redis(session_port& redis, const config::session_loader_settings& s);

/// Beyond what the failure itself says; no line where there is nothing to add.
std::vector<std::string> redis_advice(const status& answer, const redis_rights& rights,
                                      const config::session_loader_settings& s);

}  // namespace mw
