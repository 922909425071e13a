// From a transfer's bytes to what the worker knows of a delivery. Pure: the lock clock gets its times as
// parameters. `malformed` when the bytes are no Service Bus message (not AMQP, no lock token, no sequence
// number): without these a delivery can be neither settled nor renewed. A body that is neither data nor a
// string is no error here: `body_readable` is false and the event is invalid.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "protocol/amqp/receiver_link.hpp"

namespace mw::amqp {

struct decoded_delivery {
  incoming message;             ///< all but locked_until
  int64_t locked_until_ms = 0;  ///< the annotation, epoch milliseconds; 0 when absent
};

result<decoded_delivery> decode_delivery(std::string_view bytes, std::string_view tag);

/// When a lock ends on our monotonic clock: `since` (receipt, or when the renewal was sent) plus the broker's
/// remaining time where that is between half and one and a half of the configured duration, else plus the
/// configured duration. `wall_ms`: now, epoch milliseconds.
io::clock::time_point lock_end(io::clock::time_point since, std::chrono::milliseconds configured,
                               int64_t locked_until_ms, int64_t wall_ms);

}  // namespace mw::amqp
