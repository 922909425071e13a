// The client side of TLS as every connection of ours wants it: TLS 1.2 or newer, the peer's chain and name
// (DNS name or IP address) always verified, a DNS name sent as SNI. Used by the AMQP and the Redis transport,
// each with BIOs of its own. explain() says in one line what is wrong with a certificate or a handshake.
// Errors: misconfigured (certificate file unreadable, no host name), internal; `from` is dependency::none.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "protocol/base/errors.hpp"

namespace mw::tls {

struct session_free {
  void operator()(SSL* s) const;
};
using context = std::shared_ptr<SSL_CTX>;
using session = std::unique_ptr<SSL, session_free>;

/// `ca_file` empty: the system's certificates. Reads files; to be shared by the connections of one client.
result<context> make_context(const std::string& ca_file);

/// In connect state, still without BIO. The peer's certificate must be for `verified_name`.
result<session> make_session(const context& c, const std::string& verified_name);

/// Why the last call on this session failed; empties OpenSSL's error queue of this thread.
std::string explain(SSL* s);

}  // namespace mw::tls
