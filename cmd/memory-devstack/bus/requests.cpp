#include "cmd/memory-devstack/bus/requests.hpp"

namespace mw::devstack {

using amqp::encoder;
using amqp::section_code;

std::optional<request> parse_request(std::string_view bytes) {
  request r;
  const auto sections = amqp::split_sections(bytes);
  if (!sections) return std::nullopt;
  for (const auto& s : *sections) {
    if (s.code == section_code::amqp_value) r.body = s.content;
    if (s.code == section_code::application_properties) {
      r.properties = s.content;
      if (const auto operation = amqp::find_key(s.content, "operation"))
        r.operation = operation->text().value_or("");
    }
    if (s.code == section_code::properties) {
      const auto items = amqp::items_of(s.content);
      if (!items) return std::nullopt;
      if (!items->empty()) r.message_id = (*items)[0];
      if (items->size() > 4) r.reply_to = (*items)[4].text().value_or("");
    }
  }
  return r;
}

std::string encode_reply(const request& to, const response& what, bool cbs) {
  std::string out;
  encoder e{out};
  e.begin_section(section_code::properties).begin_list().null().null().null().null().null();
  if (to.message_id.is_null()) {
    e.null();
  } else {
    e.raw(to.message_id.encoded);
  }
  e.end();
  e.begin_section(section_code::application_properties).begin_map();
  e.string(cbs ? "status-code" : "statusCode").int32(what.status);
  e.string(cbs ? "status-description" : "statusDescription").string(what.description);
  if (!what.condition.empty()) e.string(cbs ? "error-condition" : "errorCondition").symbol(what.condition);
  if (const auto tracking = amqp::find_key(to.properties, "com.microsoft:tracking-id"))
    e.string("com.microsoft:tracking-id").raw(tracking->encoded);
  e.end();
  e.begin_section(section_code::amqp_value);
  if (what.body.empty()) {
    e.null();
  } else {
    e.raw(what.body);
  }
  return out;
}

}  // namespace mw::devstack
