// The identity a worker has without being told, in the order of DefaultAzureCredential: environment (client
// secret), workload identity, managed identity, Azure CLI. Made once at start; no request is made until a
// token is asked for.
#pragma once

#include "protocol/azure/identity.hpp"

namespace mw::azure {

/// Entra scopes of what the worker talks to.
inline constexpr const char* service_bus_scope = "https://servicebus.azure.net/.default";

std::shared_ptr<identity> make_default_identity(const credential_context& context,
                                                const client_identity& client, identity_endpoint managed,
                                                identity_options options);

}  // namespace mw::azure
