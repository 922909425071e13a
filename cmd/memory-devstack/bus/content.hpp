// What a sender sent, kept as small as it can be and shared by all subscriptions that hold it: one buffer
// with the encoded parts, never decoded again until delivery. encode_message() joins it with what the broker
// knows (sequence number, lock, counts) into the bytes of a transfer. Pure; malformed input is a failure
// (errc::malformed). Times are milliseconds since the Unix epoch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/amqp/codec.hpp"
#include "protocol/base/errors.hpp"

namespace mw::devstack {

using wall_ms = int64_t;

struct content {
  /// Annotation items, the properties section, application property items, then body and footer sections.
  std::string bytes;
  uint32_t annotations_end = 0;
  uint32_t properties_end = 0;
  uint32_t application_end = 0;
  uint32_t annotation_items = 0;   ///< keys and values both count
  uint32_t application_items = 0;  ///< likewise
  std::optional<uint32_t> ttl_ms;
  wall_ms scheduled = 0;  ///< x-opt-scheduled-enqueue-time; 0: none
  bool durable = false;
};
using content_ptr = std::shared_ptr<const content>;

/// Takes an encoded message apart. A message without message-id gets `new_id()`.
result<content_ptr> parse_content(std::string_view message, const std::function<std::string()>& new_id);
/// The messages in the data sections of a batch envelope (message format 0x80013700).
result<std::vector<std::string_view>> split_batch(std::string_view envelope);

/// What the broker adds to a message on its way out.
struct stamp {
  int64_t sequence = 0;
  wall_ms enqueued = 0;
  uint32_t delivery_count = 0;  ///< failed deliveries before this one
  int32_t state = 0;            ///< 0 active, 1 deferred, 2 scheduled
  const amqp::uuid* token = nullptr;
  wall_ms locked_until = 0;
  std::string_view dead_letter_source;  ///< empty outside a dead-letter queue
};
/// Appends the encoded message to `out`.
void encode_message(const content& what, const stamp& with, std::string& out);

struct property {
  std::string key;
  std::string encoded;  ///< one encoded AMQP value
};
/// The entries of an AMQP map as properties; nulls and keys that are no text are left out.
std::vector<property> properties_of(const amqp::value& map);
property text_property(std::string_view key, std::string_view text);
/// A copy with application properties added or replaced.
content_ptr with_properties(const content& what, std::span<const property> changes);

std::optional<amqp::value> application_property(const content& what, std::string_view key);
/// For people: the message-id as text, empty where it is not text.
std::string message_id_of(const content& what);

}  // namespace mw::devstack
