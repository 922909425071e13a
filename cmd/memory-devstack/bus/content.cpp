#include "cmd/memory-devstack/bus/content.hpp"

#include <algorithm>
#include <array>

namespace mw::devstack {
namespace {

using amqp::encoder;
using amqp::section_code;
using amqp::value;

/// Annotations that are the broker's to set: a sender's are dropped.
bool set_by_broker(std::string_view key) {
  static constexpr std::array<std::string_view, 6> ours{
      "x-opt-sequence-number",         "x-opt-enqueued-time", "x-opt-locked-until",
      "x-opt-enqueue-sequence-number", "x-opt-message-state", "x-opt-deadletter-source"};
  return std::find(ours.begin(), ours.end(), key) != ours.end();
}

bool read_header(const value& header, content& out) {
  const auto items = amqp::items_of(header);
  if (!items) return false;
  if (!items->empty()) out.durable = (*items)[0].boolean().value_or(false);
  if (items->size() > 2) {
    if (const auto ttl = (*items)[2].integer()) out.ttl_ms = static_cast<uint32_t>(*ttl);
  }
  return true;
}

bool read_annotations(const value& map, content& out, std::string& kept) {
  const auto items = amqp::items_of(map);
  if (!items || !map.is_map()) return false;
  for (size_t i = 0; i + 1 < items->size(); i += 2) {
    const std::string_view key = (*items)[i].text().value_or("");
    if (set_by_broker(key)) continue;
    if (key == "x-opt-scheduled-enqueue-time") out.scheduled = (*items)[i + 1].integer().value_or(0);
    kept.append((*items)[i].encoded).append((*items)[i + 1].encoded);
    out.annotation_items += 2;
  }
  return true;
}

/// The properties section with a message-id, which the sender may have left out.
bool read_properties(const amqp::section* properties, const std::function<std::string()>& new_id,
                     std::string& out) {
  std::vector<value> items;
  if (properties != nullptr) {
    const auto read = amqp::items_of(properties->content);
    if (!read || !properties->content.is_list()) return false;
    items = *read;
  }
  if (!items.empty() && !items[0].is_null()) {
    out.append(properties->encoded);
    return true;
  }
  encoder e{out};
  e.begin_section(section_code::properties).begin_list().string(new_id());
  for (size_t i = 1; i < items.size(); ++i) e.raw(items[i].encoded);
  e.end();
  return true;
}

}  // namespace

result<content_ptr> parse_content(std::string_view message, const std::function<std::string()>& new_id) {
  const auto malformed = [](const char* what) {
    return fail(errc::malformed, std::string{"the message's "} + what + " cannot be read");
  };
  const auto sections = amqp::split_sections(message);
  if (!sections) return malformed("sections");
  auto made = std::make_shared<content>();
  std::string annotations;
  std::string application;
  std::string body;
  const amqp::section* properties = nullptr;
  for (const auto& s : *sections) {
    switch (s.code) {
      case section_code::header:
        if (!read_header(s.content, *made)) return malformed("header");
        break;
      case section_code::delivery_annotations:
        break;  // for one hop only
      case section_code::message_annotations:
        if (!read_annotations(s.content, *made, annotations)) return malformed("annotations");
        break;
      case section_code::properties:
        properties = &s;
        break;
      case section_code::application_properties:
        if (!amqp::items_of(s.content) || !s.content.is_map()) return malformed("application properties");
        application = s.content.data;
        made->application_items = s.content.count;
        break;
      default:
        body.append(s.encoded);
    }
  }
  std::string& bytes = made->bytes;
  bytes.reserve(message.size() + 48);
  bytes = annotations;
  made->annotations_end = static_cast<uint32_t>(bytes.size());
  if (!read_properties(properties, new_id, bytes)) return malformed("properties");
  made->properties_end = static_cast<uint32_t>(bytes.size());
  bytes.append(application);
  made->application_end = static_cast<uint32_t>(bytes.size());
  bytes.append(body);
  bytes.shrink_to_fit();
  return content_ptr{std::move(made)};
}

result<std::vector<std::string_view>> split_batch(std::string_view envelope) {
  const auto sections = amqp::split_sections(envelope);
  if (!sections) return fail(errc::malformed, "the batch's sections cannot be read");
  std::vector<std::string_view> messages;
  for (const auto& s : *sections) {
    if (s.code != section_code::data) continue;
    const auto inner = s.content.binary();
    if (!inner) return fail(errc::malformed, "a data section of the batch holds no binary");
    messages.push_back(*inner);
  }
  if (messages.empty()) return fail(errc::malformed, "the batch is empty");
  return messages;
}

void encode_message(const content& what, const stamp& with, std::string& out) {
  const std::string_view bytes = what.bytes;
  encoder e{out};
  e.begin_section(section_code::header).begin_list().boolean(what.durable).null();
  if (what.ttl_ms) {
    e.uint32(*what.ttl_ms);
  } else {
    e.null();
  }
  e.boolean(false).uint32(with.delivery_count).end();
  if (with.token != nullptr) {
    e.begin_section(section_code::delivery_annotations).begin_map();
    e.symbol("x-opt-lock-token").uuid_value(*with.token).end();
  }
  e.begin_section(section_code::message_annotations).begin_map();
  e.raw(bytes.substr(0, what.annotations_end), what.annotation_items);
  e.symbol("x-opt-sequence-number").int64(with.sequence);
  e.symbol("x-opt-enqueued-time").timestamp(with.enqueued);
  e.symbol("x-opt-enqueue-sequence-number").int64(with.sequence);
  e.symbol("x-opt-message-state").int32(with.state);
  if (with.token != nullptr) e.symbol("x-opt-locked-until").timestamp(with.locked_until);
  if (!with.dead_letter_source.empty()) e.symbol("x-opt-deadletter-source").string(with.dead_letter_source);
  e.end();
  out.append(bytes.substr(what.annotations_end, what.properties_end - what.annotations_end));
  if (what.application_items > 0) {
    e.begin_section(section_code::application_properties).begin_map();
    e.raw(bytes.substr(what.properties_end, what.application_end - what.properties_end),
          what.application_items);
    e.end();
  }
  out.append(bytes.substr(what.application_end));
}

std::vector<property> properties_of(const value& map) {
  std::vector<property> properties;
  const auto items = map.is_map() ? amqp::items_of(map) : std::nullopt;
  if (!items) return properties;
  for (size_t i = 0; i + 1 < items->size(); i += 2) {
    const auto key = (*items)[i].text();
    if (!key || (*items)[i + 1].is_null()) continue;
    properties.push_back({std::string{*key}, std::string{(*items)[i + 1].encoded}});
  }
  return properties;
}

property text_property(std::string_view key, std::string_view text) {
  property p{std::string{key}, {}};
  encoder{p.encoded}.string(text);
  return p;
}

namespace {

/// Calls `visit(key, value)` for each application property until it returns false.
template <class Visit>
void each_application_property(const content& what, Visit visit) {
  std::string_view rest = what.bytes;
  rest = rest.substr(what.properties_end, what.application_end - what.properties_end);
  while (!rest.empty()) {
    const auto key = amqp::read_value(rest);
    const auto val = key ? amqp::read_value(rest) : std::nullopt;
    if (!val || !visit(*key, *val)) return;
  }
}

}  // namespace

content_ptr with_properties(const content& what, std::span<const property> changes) {
  auto made = std::make_shared<content>(what);
  made->bytes = what.bytes.substr(0, what.properties_end);
  made->application_items = 0;
  each_application_property(what, [&](const value& key, const value& val) {
    const auto same = [&](const property& p) { return key.text() == std::string_view{p.key}; };
    if (std::any_of(changes.begin(), changes.end(), same)) return true;
    made->bytes.append(key.encoded).append(val.encoded);
    made->application_items += 2;
    return true;
  });
  encoder e{made->bytes};
  for (const auto& p : changes) {
    e.string(p.key).raw(p.encoded);
    made->application_items += 2;
  }
  made->application_end = static_cast<uint32_t>(made->bytes.size());
  made->bytes.append(what.bytes, what.application_end);
  return made;
}

std::optional<value> application_property(const content& what, std::string_view key) {
  std::optional<value> found;
  each_application_property(what, [&](const value& k, const value& v) {
    if (k.text() == key) found = v;
    return !found;
  });
  return found;
}

std::string message_id_of(const content& what) {
  std::string_view section = what.bytes;
  section = section.substr(what.annotations_end, what.properties_end - what.annotations_end);
  const auto list = amqp::read_value(section);
  const auto items = list ? amqp::items_of(*list) : std::nullopt;
  if (!items || items->empty()) return {};
  if (const auto number = (*items)[0].integer()) return std::to_string(*number);
  return std::string{(*items)[0].text().value_or("")};
}

}  // namespace mw::devstack
