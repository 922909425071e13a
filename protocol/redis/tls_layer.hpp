// TLS under a Redis connection: a stream_layer over one client session (protocol/tls). Without a socket of
// its own; used by one transport, for one connection.
#pragma once

#include <memory>

#include "protocol/redis/transport.hpp"
#include "protocol/tls/client_session.hpp"

namespace mw::redis {

std::unique_ptr<stream_layer> make_tls_layer(tls::session session);

}  // namespace mw::redis
