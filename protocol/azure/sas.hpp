// Shared access signatures and Service Bus connection strings. The worker's configuration parses the string
// once at start; the AMQP connection asks for a token per audience and again before it expires. Pure
// functions, time is a parameter. Errors are `misconfigured` and name the part that is missing or wrong; no
// message carries a key.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"

namespace mw::azure {

struct bus_connection {
  std::string host;
  uint16_t port = 5671;
  bool tls = true;
  std::string key_name;     ///< with `key`; both empty when `signature` is given
  std::string key;          ///< the key's text, a secret
  std::string signature;    ///< ready-made `SharedAccessSignature sr=...`, a secret
  std::string entity_path;  ///< empty unless the string belongs to one entity
};

/// `Endpoint=sb://host[:port]/;SharedAccessKeyName=..;SharedAccessKey=..[;EntityPath=..]`, or
/// `SharedAccessSignature=..` for name and key. `UseDevelopmentEmulator=true` turns TLS off and makes 5672
/// the default port. Keys are compared without case, unknown ones ignored.
result<bus_connection> parse_connection_string(std::string_view text);

/// A namespace without a connection string, signed in to with Entra: `NAME.servicebus.windows.net`, also with
/// a port, as `sb://..` and with a final slash. Always TLS.
result<bus_connection> parse_namespace(std::string_view text, uint16_t default_port);

/// encodeURIComponent: everything but `A-Za-z0-9-_.!~*'()` as %XX.
std::string percent_encode(std::string_view text);

/// `SharedAccessSignature sr=..&sig=..&se=..&skn=..` for an audience such as
/// `sb://host/topic/Subscriptions/s`.
std::string make_sas_token(std::string_view audience, std::string_view key_name, std::string_view key,
                           std::chrono::system_clock::time_point expires);

/// The end (`se=`) a ready-made signature names; epoch when it names none.
std::chrono::system_clock::time_point sas_expiry(std::string_view token);

}  // namespace mw::azure
