#include "protocol/amqp/delivery_decode.hpp"

#include <optional>

#include "protocol/amqp/codec.hpp"
#include "protocol/amqp/guid.hpp"
#include "protocol/base/utf8.hpp"

namespace mw::amqp {
namespace {

constexpr size_t header_delivery_count = 4;
constexpr size_t properties_message_id = 0;

int64_t integer_in(const value& map, std::string_view key) {
  const auto v = find_key(map, key);
  return v ? v->integer().value_or(0) : 0;
}

std::string id_text(const value& id) {
  if (const auto text = id.text()) return std::string{*text};
  if (const auto bytes = id.binary()) return std::string{*bytes};
  if (const auto number = id.integer()) return std::to_string(*number);
  if (const auto guid = id.as_uuid()) return to_text(*guid);
  return {};
}

/// Service Bus allows 128 characters; whatever a sender elsewhere writes is kept no longer than that.
std::string bounded(std::string id) {
  constexpr size_t most = 512;
  if (id.size() > most) id.resize(utf8_prefix(id, most).size());
  return id;
}

void read_properties(const value& list, incoming& m) {
  const auto fields = items_of(list);
  if (!fields) return;
  if (fields->size() > properties_message_id)
    m.message_id = bounded(id_text((*fields)[properties_message_id]));
}

void read_body(const section& s, incoming& m) {
  if (s.code == section_code::data) {
    if (const auto bytes = s.content.binary())
      m.body.append(*bytes);
    else
      m.body_readable = false;
  } else if (s.code == section_code::amqp_value) {
    auto text = s.content.text();
    if (!text) text = s.content.binary();
    if (text)
      m.body = *text;
    else
      m.body_readable = false;
  } else {
    m.body_readable = false;  // a sequence
  }
}

failure malformed(std::string what) {
  return fail(dependency::bus, errc::malformed, "a delivery " + std::move(what) + ": is this Service Bus?");
}

}  // namespace

result<decoded_delivery> decode_delivery(std::string_view bytes, std::string_view tag) {
  const auto token = token_of_tag(tag);
  if (!token) return malformed("without a lock token");
  const auto sections = split_sections(bytes);
  if (!sections) return malformed("that is no AMQP message");
  decoded_delivery d;
  incoming& m = d.message;
  m.token = *token;
  bool has_body = false;
  for (const auto& s : *sections) {
    switch (s.code) {
      case section_code::header: {
        const auto fields = items_of(s.content);
        if (fields && fields->size() > header_delivery_count)
          m.delivery_count = static_cast<uint32_t>((*fields)[header_delivery_count].integer().value_or(0));
        break;
      }
      case section_code::message_annotations:
        m.sequence_number = integer_in(s.content, "x-opt-sequence-number");
        m.enqueued_ms = integer_in(s.content, "x-opt-enqueued-time");
        d.locked_until_ms = integer_in(s.content, "x-opt-locked-until");
        break;
      case section_code::properties:
        read_properties(s.content, m);
        break;
      case section_code::application_properties: {
        if (const auto trace = find_key(s.content, "traceparent"))
          m.traceparent = trace->text().value_or(std::string_view{});
        if (const auto trace = find_key(s.content, "Diagnostic-Id"))
          m.diagnostic_id = trace->text().value_or(std::string_view{});
        break;
      }
      case section_code::data:
      case section_code::sequence:
      case section_code::amqp_value:
        has_body = true;
        read_body(s, m);
        break;
      default:
        break;
    }
  }
  m.body_readable = m.body_readable && has_body;
  if (!m.body_readable) m.body.clear();
  if (m.sequence_number == 0) return malformed("without x-opt-sequence-number");
  return d;
}

io::clock::time_point lock_end(io::clock::time_point since, std::chrono::milliseconds configured,
                               int64_t locked_until_ms, int64_t wall_ms) {
  const std::chrono::milliseconds remaining{locked_until_ms > 0 ? locked_until_ms - wall_ms : 0};
  const bool plausible = remaining >= configured / 2 && remaining <= configured + configured / 2;
  return since + (plausible ? remaining : configured);
}

}  // namespace mw::amqp
