// How the configuration's [azure] becomes the process's Entra identity, and how the bus signs in with it.
// Used by live_world; the other dependencies take the identity as an azure::token_source.
#pragma once

#include "protocol/amqp/receiver_link.hpp"
#include "protocol/azure/default_identity.hpp"
#include "protocol/config/settings.hpp"

namespace mw {

std::shared_ptr<azure::identity> make_identity(io::loop& loop, http::client& http,
                                               const config::azure_settings& s, uint64_t seed);

/// CBS with the identity's token (`jwt`); what the bus refuses is fetched anew once.
void sign_in_with(const std::shared_ptr<azure::token_source>& identity, amqp::link_options& o);

}  // namespace mw
