// The operations of the `$management` node.
#include <algorithm>

#include "cmd/memory-devstack/bus/requests.hpp"

namespace mw::devstack {
namespace {

using amqp::encoder;
using amqp::uuid;
using amqp::value;

constexpr size_t peek_limit_bytes = 200 * 1024;

response bad_request(std::string why) {
  return {400, std::move(why), "com.microsoft:argument-error", {}};
}

response lock_lost() {
  return {410, std::string{lock_lost_text}, lock_lost_condition, {}};
}

/// The uuids under "lock-tokens"; empty when there are none or they cannot be read.
std::vector<uuid> lock_tokens(const value& body) {
  std::vector<uuid> tokens;
  const auto list = amqp::find_key(body, "lock-tokens");
  const auto items = list ? amqp::items_of(*list) : std::nullopt;
  if (!items) return {};
  for (const auto& item : *items) {
    const auto token = item.as_uuid();
    if (!token) return {};
    tokens.push_back(*token);
  }
  return tokens;
}

std::vector<int64_t> sequence_numbers(const value& body) {
  std::vector<int64_t> numbers;
  const auto list = amqp::find_key(body, "sequence-numbers");
  const auto items = list ? amqp::items_of(*list) : std::nullopt;
  if (!items) return {};
  for (const auto& item : *items) {
    if (const auto n = item.integer()) numbers.push_back(*n);
  }
  return numbers;
}

int64_t integer_of(const value& body, std::string_view key, int64_t otherwise) {
  const auto v = amqp::find_key(body, key);
  return v ? v->integer().value_or(otherwise) : otherwise;
}

std::string_view text_of(const value& body, std::string_view key) {
  const auto v = amqp::find_key(body, key);
  return v ? v->text().value_or("") : "";
}

bool all_held(const entity& from, const std::vector<uuid>& tokens, wall_ms now) {
  return std::all_of(tokens.begin(), tokens.end(), [&](const uuid& t) { return from.lock_held(t, now); });
}

response renew_lock(const request& r, const management_context& c) {
  const auto tokens = lock_tokens(r.body);
  if (tokens.empty()) return bad_request("lock-tokens must be an array of uuid");
  // All or nothing: a caller that gets 410 knows that no lock was prolonged.
  if (!all_held(*c.from, tokens, c.now)) return lock_lost();
  std::vector<int64_t> expirations;
  expirations.reserve(tokens.size());
  for (const auto& t : tokens) expirations.push_back(c.from->renew(t, c.now).value_or(c.now));
  response reply;
  encoder{reply.body}.begin_map().string("expirations").array_of_timestamp(expirations).end();
  return reply;
}

response peek(const request& r, const management_context& c) {
  const int64_t from = integer_of(r.body, "from-sequence-number", 0);
  const int64_t count = integer_of(r.body, "message-count", 1);
  response reply;
  encoder e{reply.body};
  e.begin_map().string("messages").begin_list();
  const auto& messages = c.from->messages();
  int64_t found = 0;
  for (auto it = messages.lower_bound(from); it != messages.end() && found < count; ++it, ++found) {
    if (reply.body.size() > peek_limit_bytes) break;
    stamp s = c.from->stamp_of(*it);
    s.token = nullptr;  // a peeked message shows no lock
    std::string bytes;
    encode_message(*it->second.what, s, bytes);
    e.begin_map().string("message").binary(bytes).end();
  }
  if (found == 0) return {204, "No messages", {}, {}};
  e.end().end();
  return reply;
}

response receive_deferred(const request& r, const management_context& c) {
  const auto numbers = sequence_numbers(r.body);
  if (numbers.empty()) return bad_request("sequence-numbers must be an array of long");
  const bool peek_lock = integer_of(r.body, "receiver-settle-mode", 1) == 1;
  response reply;
  encoder e{reply.body};
  e.begin_map().string("messages").begin_list();
  bool any = false;
  for (const int64_t n : numbers) {
    const uuid token = c.new_token();
    const auto* m = c.from->take_deferred(n, c.now, token);
    if (m == nullptr) continue;
    std::string bytes;
    encode_message(*m->second.what, c.from->stamp_of(*m), bytes);
    e.begin_map().string("message").binary(bytes).string("lock-token").uuid_value(token).end();
    any = true;
    if (!peek_lock) c.from->complete(token, c.now);
  }
  if (!any) {
    return {404,
            "None of the messages with these sequence numbers is deferred here.",
            "com.microsoft:message-not-found",
            {}};
  }
  e.end().end();
  return reply;
}

response update_disposition(const request& r, const management_context& c) {
  const auto tokens = lock_tokens(r.body);
  if (tokens.empty()) return bad_request("lock-tokens must be an array of uuid");
  const std::string_view status = text_of(r.body, "disposition-status");
  if (!all_held(*c.from, tokens, c.now)) return lock_lost();
  const auto map = amqp::find_key(r.body, "properties-to-modify");
  std::vector<property> changes = map ? properties_of(*map) : std::vector<property>{};
  if (status == "suspended") {
    if (const auto reason = text_of(r.body, "deadletter-reason"); !reason.empty())
      changes.push_back(text_property("DeadLetterReason", reason));
    if (const auto text = text_of(r.body, "deadletter-description"); !text.empty())
      changes.push_back(text_property("DeadLetterErrorDescription", text));
  }
  for (const auto& t : tokens) {
    if (status == "completed") {
      c.from->complete(t, c.now);
    } else if (status == "abandoned") {
      c.from->abandon(t, c.now, changes);
    } else if (status == "defered") {  // so spelt by the service
      c.from->defer(t, c.now, changes);
    } else if (status == "suspended") {
      c.from->dead_letter(t, c.now, changes);
    } else {
      return bad_request("disposition-status is none of completed, abandoned, defered, suspended");
    }
  }
  return {};
}

response schedule(const request& r, const management_context& c) {
  const auto list = amqp::find_key(r.body, "messages");
  const auto items = list ? amqp::items_of(*list) : std::nullopt;
  if (!items || items->empty()) return bad_request("messages must be a list of maps");
  std::vector<content_ptr> parsed;
  for (const auto& item : *items) {
    const auto bytes = amqp::find_key(item, "message");
    const auto binary = bytes ? bytes->binary() : std::nullopt;
    if (!binary) return bad_request("a message to schedule must be binary");
    auto what = parse_content(*binary, c.new_message_id);
    if (!what) return bad_request(what.error().detail);
    parsed.push_back(*what);
  }
  std::vector<int64_t> numbers;
  numbers.reserve(parsed.size());
  for (auto& what : parsed) numbers.push_back(c.to->schedule(std::move(what)));
  response reply;
  encoder{reply.body}.begin_map().string("sequence-numbers").array_of_int64(numbers).end();
  return reply;
}

response cancel_scheduled(const request& r, const management_context& c) {
  const auto numbers = sequence_numbers(r.body);
  if (numbers.empty()) return bad_request("sequence-numbers must be an array of long");
  bool all = true;
  for (const int64_t n : numbers) all = c.to->cancel(n) && all;
  if (!all) {
    return {404,
            "A message with this sequence number is not scheduled (any more).",
            "com.microsoft:message-not-found",
            {}};
  }
  return {};
}

}  // namespace

response manage(const request& r, const management_context& context) {
  if (context.from != nullptr) {
    if (r.operation == "com.microsoft:renew-lock") return renew_lock(r, context);
    if (r.operation == "com.microsoft:peek-message") return peek(r, context);
    if (r.operation == "com.microsoft:receive-by-sequence-number") return receive_deferred(r, context);
    if (r.operation == "com.microsoft:update-disposition") return update_disposition(r, context);
  }
  if (context.to != nullptr) {
    if (r.operation == "com.microsoft:schedule-message") return schedule(r, context);
    if (r.operation == "com.microsoft:cancel-scheduled-message") return cancel_scheduled(r, context);
  }
  return {501, "This bus does not do '" + std::string{r.operation} + "' here.", "amqp:not-implemented", {}};
}

}  // namespace mw::devstack
