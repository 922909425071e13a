// Requests on `$cbs` and `$management` nodes: reading them, what they do, and writing the reply. No Proton
// and no socket here: bytes in, bytes out. A request that cannot be read is refused with 400, never dropped.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/memory-devstack/bus/directory.hpp"

namespace mw::devstack {

/// Points into the message's bytes.
struct request {
  amqp::value message_id;  ///< null when absent
  std::string_view reply_to;
  std::string_view operation;
  amqp::value properties;  ///< application properties (a map, or null)
  amqp::value body;        ///< the amqp-value section's content (or null)
};
/// nullopt when the bytes are no AMQP message.
std::optional<request> parse_request(std::string_view bytes);

struct response {
  int status = 200;
  std::string description = "OK";
  std::string_view condition;  ///< error condition; empty on success
  std::string body;            ///< one encoded value; empty: null
};
/// The reply's bytes. `cbs` chooses the spelling of the properties (status-code against statusCode).
std::string encode_reply(const request& to, const response& what, bool cbs);

/// What tokens the bus takes.
struct token_rules {
  std::string sas_key;  ///< empty: signatures are not verified
  std::string jwt_key;  ///< HS256; empty: any jwt will do, where there is no sas_key either
  std::string jwt_audience = "https://servicebus.azure.net";
  std::vector<std::string> listeners;  ///< object ids with the Data Receiver role; empty: everybody has it
};
struct path_grant {
  wall_ms until = 0;
  bool listen = true;
};
/// Paths a connection may use until a moment (put-token grants them).
using granted_paths = std::map<std::string, path_grant>;
/// put-token: checks a token's shape and life, and its signature and audience where there is a key. With only
/// a jwt_key shared access signatures are refused, as in a namespace without local authentication.
response put_token(const request& r, const token_rules& rules, wall_ms now, granted_paths& granted);
/// True when a live token covers the address, or a path that encloses it.
bool may_use(const granted_paths& granted, std::string_view address, wall_ms now);
/// ... and its owner has the right to receive.
bool may_listen(const granted_paths& granted, std::string_view address, wall_ms now);

struct management_context {
  destination* to = nullptr;  ///< what is sent to; null in subscriptions and dead-letter queues
  entity* from = nullptr;     ///< what is received from; null in topics
  wall_ms now = 0;
  std::function<amqp::uuid()> new_token;
  std::function<std::string()> new_message_id;
};
/// renew-lock, peek-message, receive-by-sequence-number, update-disposition, schedule-message,
/// cancel-scheduled-message; anything else is 501.
response manage(const request& r, const management_context& context);

constexpr std::string_view lock_lost_condition = "com.microsoft:message-lock-lost";
constexpr std::string_view lock_lost_text =
    "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the "
    "queue.";

}  // namespace mw::devstack
