// What an identity needs to be allowed to do, per service: the role's name and the command line that grants
// it. Pure; used by `memory-worker check` when a service knows the identity and refuses it. The command finds
// resource and resource group by the name in the endpoint, so it can be run as printed by whoever may grant
// roles.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"

namespace mw::azure {

enum class service : uint8_t { service_bus, redis, llm, cosmos, app_insights };

struct role_hint {
  std::string role;
  std::string command;
};

/// `host` is the service's endpoint: a host name, "host:port" or a URL. `object_id`: the `oid` claim of the
/// refused token; where it is empty the command holds a placeholder to fill in. `person`: the identity is a
/// user (Azure CLI).
role_hint role_for(service what, std::string_view host, std::string_view object_id, bool person = false);

/// Whether the service knew the token and refused what it may do; not a token that is wrong itself.
bool lacks_role(service what, const failure& why);

}  // namespace mw::azure
