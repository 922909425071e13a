#include "protocol/amqp/management.hpp"

#include "protocol/amqp/codec.hpp"
#include "protocol/amqp/delivery_decode.hpp"
#include "protocol/azure/jwt.hpp"
#include "protocol/base/utf8.hpp"

namespace mw::amqp {
namespace {

constexpr size_t max_reason_bytes = 4096;

std::string properties(std::string_view operation, std::string_view link) {
  std::string map;
  encoder e{map};
  e.begin_map().string("operation").string(operation);
  e.string("associated-link-name").string(link).end();
  return map;
}

}  // namespace

request_parts put_token_request(const link_options::token& token, std::string_view audience) {
  request_parts r;
  auto expires =
      std::chrono::duration_cast<std::chrono::milliseconds>(token.expires.time_since_epoch()).count();
  // A jwt says by its issuer's clock when it ends; ours may be wrong.
  constexpr int64_t last = 100'000'000'000;
  if (const auto end = azure::jwt_number(token.value, "exp");
      end && *end > 0 && *end < last && token.type == "jwt")
    expires = *end * 1000;
  encoder e{r.application_properties};
  e.begin_map().string("operation").string("put-token");
  e.string("type").string(token.type);
  e.string("name").string(audience);
  e.string("expiration").timestamp(expires).end();
  encoder{r.body}.string(token.value);
  return r;
}

request_parts renew_lock_request(std::span<const lock_token> tokens, std::string_view link) {
  request_parts r;
  r.application_properties = properties("com.microsoft:renew-lock", link);
  encoder{r.body}.begin_map().string("lock-tokens").array_of_uuid(tokens).end();
  return r;
}

std::optional<std::vector<int64_t>> renewed_until(std::string_view reply_body) {
  const auto map = read_value(reply_body);
  if (!map) return std::nullopt;
  const auto array = find_key(*map, "expirations");
  const auto items = array ? items_of(*array) : std::nullopt;
  if (!items) return std::nullopt;
  std::vector<int64_t> until;
  until.reserve(items->size());
  for (const auto& item : *items) until.push_back(item.integer().value_or(0));
  return until;
}

request_parts peek_request(int64_t from, uint32_t count, std::string_view link) {
  request_parts r;
  r.application_properties = properties("com.microsoft:peek-message", link);
  encoder e{r.body};
  e.begin_map().string("from-sequence-number").int64(from);
  e.string("message-count").int32(static_cast<int32_t>(count)).end();
  return r;
}

std::vector<receiver_link::peeked> peeked_in(std::string_view reply_body) {
  std::vector<receiver_link::peeked> found;
  const auto map = reply_body.empty() ? std::nullopt : read_value(reply_body);
  const auto list = map ? find_key(*map, "messages") : std::nullopt;
  const auto items = list ? items_of(*list) : std::nullopt;
  if (!items) return found;
  for (const auto& item : *items) {
    const auto message = find_key(item, "message");
    const auto bytes = message ? message->binary() : std::nullopt;
    if (!bytes) continue;
    // A peeked message has no lock: any tag will do.
    const auto decoded = decode_delivery(*bytes, std::string(sizeof(lock_token), '\0'));
    if (!decoded) continue;
    found.push_back({decoded->message.sequence_number, decoded->message.message_id, std::string{*bytes}});
  }
  return found;
}

std::optional<request_parts> disposition_request(const lock_token& token, const outcome& o,
                                                 std::string_view link) {
  if (o.kind == outcome_kind::release) return std::nullopt;
  request_parts r;
  r.application_properties = properties("com.microsoft:update-disposition", link);
  encoder e{r.body};
  e.begin_map().string("disposition-status");
  e.string(o.kind == outcome_kind::complete  ? "completed"
           : o.kind == outcome_kind::abandon ? "abandoned"
                                             : "suspended");
  e.string("lock-tokens").array_of_uuid({&token, 1});
  if (o.kind == outcome_kind::dead_letter) {
    e.string("deadletter-reason").string(utf8_prefix(o.reason, max_reason_bytes));
    e.string("deadletter-description").string(utf8_prefix(o.description, max_reason_bytes));
  }
  e.end();
  return r;
}

}  // namespace mw::amqp
