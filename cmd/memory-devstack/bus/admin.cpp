#include "cmd/memory-devstack/bus/admin.hpp"

#include <simdjson.h>

#include <array>
#include <optional>

#include "protocol/base/json_writer.hpp"

namespace mw::devstack {
namespace {

namespace dom = simdjson::dom;
using amqp::encoder;
using amqp::section_code;

admin_reply problem(int status, std::string_view text) {
  admin_reply reply{status, {}};
  json_writer{reply.json}.begin_object().field("error", text).end_object();
  return reply;
}

admin_reply number(std::string_view name, int64_t n) {
  admin_reply reply;
  json_writer{reply.json}.begin_object().field(name, n).end_object();
  return reply;
}

void write_entity(json_writer& w, const entity& e) {
  const auto& t = e.totals();
  w.begin_object().field("path", e.path());
  w.field("active", uint64_t{e.ready_count()}).field("locked", uint64_t{e.locked_count()});
  w.field("deferred", uint64_t{e.deferred_count()});
  w.field("deadLetters", uint64_t{e.dead_letters() == nullptr ? 0 : e.dead_letters()->messages().size()});
  w.key("totals").begin_object();
  w.field("enqueued", t.enqueued).field("delivered", t.delivered).field("completed", t.completed);
  w.field("abandoned", t.abandoned).field("released", t.released).field("deferred", t.deferred);
  w.field("deadLettered", t.dead_lettered).field("renewed", t.renewed).field("lockExpired", t.lock_expired);
  w.field("lockLost", t.lock_lost).field("ttlExpired", t.ttl_expired);
  w.end_object().end_object();
}

admin_reply show_status(broker& bus) {
  admin_reply reply;
  json_writer w{reply.json};
  const faults& f = bus.pending_faults();
  w.begin_object().field("connections", uint64_t{bus.connection_count()});
  w.field("links", uint64_t{bus.link_count()}).field("delivering", f.delivering);
  const bus_counters& n = bus.counted();
  w.field("connectionsAccepted", n.connections).field("linksExpired", n.links_expired);
  w.field("tokensAccepted", n.tokens_accepted).field("tokensRefused", n.tokens_refused);
  w.key("tokensFor").begin_object();
  for (const auto& [path, count] : n.tokens_by_path) w.field(path, count);
  w.end_object();
  w.field("lockDurationMs", int64_t{bus.entities().settings().lock_ms});
  w.field("maxDeliveryCount", bus.entities().settings().max_delivery_count);
  w.key("pendingFaults").begin_object().field("cbs", f.cbs).field("dispositions", f.dispositions);
  w.field("management", f.management).field("attaches", f.attaches).end_object();
  w.key("destinations").begin_array();
  for (const auto& d : bus.entities().destinations()) {
    w.begin_object().field("name", d.name()).field("scheduled", uint64_t{d.scheduled_count()}).end_object();
  }
  w.end_array().key("entities").begin_array();
  for (const auto& e : bus.entities().entities()) write_entity(w, e);
  w.end_array().end_object();
  return reply;
}

admin_reply show_dead_letters(broker& bus, const std::string& path) {
  admin_reply reply;
  json_writer w{reply.json};
  const std::string wanted = normal_address(path);
  w.begin_array();
  for (const auto& e : bus.entities().entities()) {
    if (e.dead_letters() == nullptr || (!wanted.empty() && normal_address(e.path()) != wanted)) continue;
    for (const auto& [sequence, m] : e.dead_letters()->messages()) {
      const auto text = [&what = *m.what](std::string_view key) {
        const auto v = application_property(what, key);
        return v ? v->text().value_or("") : std::string_view{};
      };
      w.begin_object().field("entity", e.path()).field("sequenceNumber", sequence);
      w.field("messageId", message_id_of(*m.what)).field("reason", text("DeadLetterReason"));
      w.field("description", text("DeadLetterErrorDescription")).field("deliveryCount", m.delivery_count);
      w.end_object();
    }
  }
  w.end_array();
  return reply;
}

admin_reply show_messages(broker& bus) {
  admin_reply reply;
  json_writer w{reply.json};
  w.begin_array();
  for (const auto& e : bus.entities().entities()) {
    if (e.dead_letters() == nullptr) continue;
    for (const auto& [sequence, m] : e.messages()) {
      w.begin_object().field("entity", e.path()).field("sequenceNumber", sequence);
      w.field("messageId", message_id_of(*m.what)).field("deliveryCount", m.delivery_count);
      w.field("lockedUntil", int64_t{m.locked_until}).end_object();
    }
  }
  w.end_array();
  return reply;
}

std::string_view string_field(const dom::element& object, const char* name, std::string_view otherwise = {}) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? text : otherwise;
}

std::optional<int64_t> integer_field(const dom::element& object, const char* name) {
  int64_t n = 0;
  if (object[name].get(n) != simdjson::SUCCESS) return std::nullopt;
  return n;
}

/// One message of POST /send as its encoded AMQP bytes; false when it is none, or a property is no text.
bool encode_sent(const dom::element& item, std::string& out) {
  dom::element body;
  if (item["body"].get(body) != simdjson::SUCCESS) return false;
  const std::string_view id = string_field(item, "messageId");
  const std::string_view session = string_field(item, "sessionId");
  encoder e{out};
  e.begin_section(section_code::properties).begin_list();
  if (id.empty()) {
    e.null();
  } else {
    e.string(id);
  }
  for (int unset = 0; unset < 5; ++unset) e.null();
  e.symbol("application/json");
  for (int unset = 0; unset < 3; ++unset) e.null();
  if (!session.empty()) e.string(session);  // group-id
  e.end();
  std::string_view text;
  dom::object properties;
  if (item["properties"].get(properties) == simdjson::SUCCESS) {
    e.begin_section(section_code::application_properties).begin_map();
    for (const auto& [key, value] : properties) {
      if (value.get(text) != simdjson::SUCCESS) return false;
      e.string(key).string(text);
    }
    e.end();
  }
  e.begin_section(section_code::data);
  if (body.get(text) == simdjson::SUCCESS) {
    e.binary(text);
  } else {
    e.binary(simdjson::minify(body));
  }
  return true;
}

admin_reply send(broker& bus, const std::string& topic, const dom::element& json) {
  const found_node node = bus.entities().find(topic);
  if (node.to == nullptr || node.management) return problem(404, "there is no such topic");
  dom::array items;
  if (json.get(items) != simdjson::SUCCESS) return problem(400, "the body must be an array of messages");
  std::vector<content_ptr> parsed;
  std::string bytes;
  for (const dom::element item : items) {
    bytes.clear();
    if (!encode_sent(item, bytes)) return problem(400, "each message needs a body");
    auto what = parse_content(bytes, [&] { return bus.new_message_id(); });
    if (!what) return problem(400, what.error().detail);
    parsed.push_back(std::move(*what));
  }
  const wall_ms now = bus.now();
  for (const auto& what : parsed) node.to->publish(what, now);
  return number("sent", static_cast<int64_t>(parsed.size()));
}

admin_reply change_settings(broker& bus, const dom::element& json) {
  constexpr int64_t day_ms = 86'400'000;
  const auto lock = integer_field(json, "lockDurationMs");
  const auto deliveries = integer_field(json, "maxDeliveryCount");
  if (lock && (*lock < 1 || *lock > day_ms)) return problem(400, "lockDurationMs must be 1 to 86400000");
  if (deliveries && (*deliveries < 1 || *deliveries > 1'000'000))
    return problem(400, "maxDeliveryCount must be 1 to 1000000");
  auto& settings = bus.entities().settings();
  if (lock) settings.lock_ms = *lock;
  if (deliveries) settings.max_delivery_count = static_cast<uint32_t>(*deliveries);
  const auto delay = integer_field(json, "settleDelayMs");
  if (delay && (*delay < 0 || *delay > day_ms)) return problem(400, "settleDelayMs must be 0 to 86400000");
  if (delay) bus.pending_faults().settle_delay = std::chrono::milliseconds{*delay};
  bool counts = false;
  if (json["releasedCounts"].get(counts) == simdjson::SUCCESS) settings.released_counts = counts;
  bool delivering = false;
  if (json["delivering"].get(delivering) == simdjson::SUCCESS) bus.set_delivering(delivering);
  return show_status(bus);
}

admin_reply detach(broker& bus, const dom::element& json) {
  const std::string_view path = string_field(json, "entity");
  const found_node node = path.empty() ? found_node{} : bus.entities().find(path);
  if (!path.empty() && node.from == nullptr) return problem(404, "there is no such entity");
  const std::string condition{string_field(json, "condition", "amqp:link:detach-forced")};
  const std::string text{string_field(json, "description", "Detached on request of the admin port.")};
  const std::string_view links = string_field(json, "links", "receivers");
  if (links != "receivers" && links != "management" && links != "cbs" && links != "all")
    return problem(400, "links must be receivers, management, cbs or all");
  return number("detached", bus.detach_links(links, node.from, condition, text));
}

admin_reply close_all(broker& bus, const dom::element& json) {
  const std::string condition{string_field(json, "condition", "amqp:connection:forced")};
  const std::string text{string_field(json, "description", "Closed on request of the admin port.")};
  return number("closed", bus.close_connections(condition, text));
}

admin_reply lose_locks(broker& bus, const dom::element& json) {
  const auto count = integer_field(json, "count");
  if (!count || *count < 1) return problem(400, "count must be 1 or more");
  size_t lost = 0;
  for (auto& e : bus.entities().entities())
    if (lost < static_cast<size_t>(*count)) lost += e.lose_locks(static_cast<size_t>(*count) - lost);
  return number("lost", static_cast<int64_t>(lost));
}

admin_reply set_fault(faults& f, std::string_view which, const dom::element& json) {
  const auto count = integer_field(json, "count");
  if (!count || *count < 0 || *count > 1'000'000'000) return problem(400, "count must be 0 to 1000000000");
  const auto n = static_cast<uint32_t>(*count);
  const std::string_view condition = string_field(json, "condition");
  const int status = static_cast<int>(integer_field(json, "status").value_or(0));
  if (which == "cbs") {
    f.cbs = n;
    f.cbs_status = status != 0 ? status : 401;
  } else if (which == "dispositions") {
    f.dispositions = n;
    f.disposition_condition = condition.empty() ? lock_lost_condition : condition;
  } else if (which == "attach") {
    f.attaches = n;
    f.attach_condition = condition.empty() ? "com.microsoft:server-busy" : condition;
  } else {
    f.management_operation = string_field(json, "operation");
    f.management = n;
    f.management_status = status != 0 ? status : 500;
    f.management_condition = condition.empty() ? "amqp:internal-error" : condition;
  }
  return number("count", *count);
}

admin_reply answer_post(broker& bus, const admin_request& request, const dom::element& json) {
  if (request.path == "/send") return send(bus, query_value(request.query, "topic"), json);
  if (!json.is_object()) return problem(400, "the body must be a JSON object");
  if (request.path == "/settings") return change_settings(bus, json);
  if (request.path == "/faults/drop") return number("dropped", bus.drop_connections());
  if (request.path == "/faults/detach") return detach(bus, json);
  if (request.path == "/faults/close") return close_all(bus, json);
  if (request.path == "/faults/lose-locks") return lose_locks(bus, json);
  for (const std::string_view fault : {"cbs", "dispositions", "management", "attach"}) {
    if (request.path == "/faults/" + std::string{fault}) return set_fault(bus.pending_faults(), fault, json);
  }
  return problem(404, "no such path; memory-devstack bus --help lists them");
}

}  // namespace

admin_reply answer_admin(broker& bus, const admin_request& request) {
  admin_reply reply;
  if (request.method == "GET") {
    if (request.path == "/status") return show_status(bus);
    if (request.path == "/dead-letters") return show_dead_letters(bus, query_value(request.query, "entity"));
    if (request.path == "/messages") return show_messages(bus);
    return problem(404, "no such path; memory-devstack bus --help lists them");
  }
  if (request.method != "POST") return problem(405, "only GET and POST");
  dom::parser parser;
  dom::element json;
  const std::string_view body = request.body.empty() ? std::string_view{"{}"} : request.body;
  if (parser.parse(body.data(), body.size()).get(json) != simdjson::SUCCESS)
    return problem(400, "the body is not JSON");
  bus.step([&] { reply = answer_post(bus, request, json); });
  return reply;
}

}  // namespace mw::devstack
