// The bodies of the requests to `$cbs` and `$management` that the worker uses: put-token, renew-lock and
// update-disposition. Pure encoding and decoding; the reply's status is judged by the caller.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/amqp/receiver_link.hpp"

namespace mw::amqp {

struct request_parts {
  std::string application_properties;  ///< encoded map
  std::string body;                    ///< encoded value
};

request_parts put_token_request(const link_options::token& token, std::string_view audience);

/// `link`: name of the receiver link, which the request keeps alive on the service.
request_parts renew_lock_request(std::span<const lock_token> tokens, std::string_view link);
/// Epoch milliseconds, in the order of the tokens; nullopt where the reply has none.
std::optional<std::vector<int64_t>> renewed_until(std::string_view reply_body);

/// `count` messages from this sequence number on, whatever their state; nothing is locked.
request_parts peek_request(int64_t from, uint32_t count, std::string_view link);
/// Empty where the reply has none.
std::vector<receiver_link::peeked> peeked_in(std::string_view reply_body);

/// complete, abandon and dead_letter; `release` has no such request (nullopt): the lock is left to lapse.
std::optional<request_parts> disposition_request(const lock_token& token, const outcome& o,
                                                 std::string_view link);

}  // namespace mw::amqp
