#include "cmd/memory-devstack/bus/options.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace mw::devstack {
namespace {

constexpr std::string_view default_topic = "message-completed";
constexpr std::string_view default_subscription = "memory-worker-message-completed";

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number n{};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, n);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return n;
}

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= 260 && name.find_first_of(" $?#@\\") == std::string_view::npos &&
         name.front() != '/' && name.back() != '/';
}

std::optional<topic_option> parse_topic(std::string_view text) {
  const size_t colon = text.find(':');
  topic_option topic{std::string{text.substr(0, colon)}, {}};
  if (colon == std::string_view::npos || !valid_name(topic.name)) return std::nullopt;
  text.remove_prefix(colon + 1);
  for (;;) {
    const size_t comma = text.find(',');
    const std::string_view name = text.substr(0, comma);
    if (!valid_name(name)) return std::nullopt;
    topic.subscriptions.emplace_back(name);
    if (comma == std::string_view::npos) return topic;
    text.remove_prefix(comma + 1);
  }
}

/// Stores one option; false when the value makes no sense.
bool store(bus_options& o, std::string_view name, const std::string& text) {
  if (name == "--port" || name == "--admin-port") {
    const auto port = parse_number<uint16_t>(text);
    if (!port) return false;
    if (name == "--port") {
      o.port = *port;
    } else {
      o.admin_port = *port;
    }
  } else if (name == "--topic") {
    auto topic = parse_topic(text);
    if (!topic) return false;
    o.topics.push_back(std::move(*topic));
  } else if (name == "--queue") {
    if (!valid_name(text)) return false;
    o.queues.push_back(text);
  } else if (name == "--lock-duration") {
    const auto lock = parse_duration(text);
    if (!lock) return false;
    o.settings.lock_ms = *lock;
  } else if (name == "--max-delivery-count") {
    const auto count = parse_number<uint32_t>(text);
    if (!count || *count == 0) return false;
    o.settings.max_delivery_count = *count;
  } else if (name == "--tls-cert") {
    o.tls_cert = text;
  } else if (name == "--tls-key") {
    o.tls_key = text;
  } else if (name == "--sas-key") {
    o.tokens.sas_key = text;
  } else if (name == "--jwt-key") {
    o.tokens.jwt_key = text;
  } else if (name == "--jwt-audience") {
    o.tokens.jwt_audience = text;
  } else {
    o.tokens.listeners.push_back(text);
  }
  return !text.empty();
}

bool known(std::string_view name) {
  for (const std::string_view k :
       {"--port", "--admin-port", "--topic", "--queue", "--lock-duration", "--max-delivery-count",
        "--tls-cert", "--tls-key", "--sas-key", "--jwt-key", "--jwt-audience", "--listener"}) {
    if (name == k) return true;
  }
  return false;
}

}  // namespace

std::optional<wall_ms> parse_duration(std::string_view text) {
  wall_ms unit = 1000;
  if (text.ends_with("ms")) {
    unit = 1;
    text.remove_suffix(2);
  } else if (text.ends_with('s')) {
    text.remove_suffix(1);
  } else if (text.ends_with('m')) {
    unit = 60'000;
    text.remove_suffix(1);
  }
  constexpr wall_ms day = 86'400'000;
  const auto n = parse_number<wall_ms>(text);
  if (!n || *n < 1 || *n > day / unit) return std::nullopt;
  return *n * unit;
}

result<bus_options> parse_bus_options(std::span<const std::string> args) {
  bus_options o;
  const auto wrong = [](std::string text) { return fail(errc::misconfigured, std::move(text)); };
  for (size_t i = 0; i < args.size(); ++i) {
    std::string name = args[i];
    if (name == "--help" || name == "-h") {
      o.help = true;
      return o;
    }
    std::string text;
    const size_t equals = name.find('=');
    if (equals != std::string::npos) {
      text = name.substr(equals + 1);
      name.resize(equals);
    }
    if (!known(name)) return wrong("unknown option '" + name + "'; see memory-devstack bus --help");
    if (equals == std::string::npos) {
      if (i + 1 == args.size()) return wrong(name + " needs a value");
      text = args[++i];
    }
    if (!store(o, name, text)) return wrong(fmt::format("{}: '{}' is not a valid value", name, text));
  }
  if (o.tls_cert.empty() != o.tls_key.empty()) return wrong("--tls-cert and --tls-key go together");
  if (o.topics.empty() && o.queues.empty())
    o.topics.push_back({std::string{default_topic}, {std::string{default_subscription}}});
  return o;
}

std::string_view bus_help() {
  return R"(memory-devstack bus: an in-memory stand-in for Azure Service Bus, for development and tests.
It listens on 127.0.0.1 only, stores nothing on disk, and is no production broker.

  --port N                  AMQP port; 0 takes a free one (default 5672)
  --topic NAME:SUB[,SUB]    a topic and its subscriptions; may be repeated
                            (default message-completed:memory-worker-message-completed)
  --queue NAME              a queue; may be repeated
  --lock-duration D         peek-lock time: 500ms, 30s, 5m (default 30s)
  --max-delivery-count N    failed deliveries before a message is dead-lettered (default 10)
  --admin-port N            HTTP port for inspection and faults; 0 takes a free one (default: none)
  --tls-cert F --tls-key F  PEM files: TLS from the first byte, as the real service has it
  --sas-key K               verify the signature of tokens with this key (default: any signature)
  --jwt-key K               verify Entra tokens with this key (HS256, that of memory-devstack entra) and their
                            audience; without --sas-key shared access signatures are refused then
  --jwt-audience A          default https://servicebus.azure.net
  --listener OID            object id with the Data Receiver role; may be repeated (default: everybody)

When it is ready it prints one line: {"listening":PORT} or {"listening":PORT,"admin":PORT}.
Connection string: Endpoint=sb://localhost:PORT;SharedAccessKeyName=dev;SharedAccessKey=KEY;UseDevelopmentEmulator=true

The admin port speaks JSON over HTTP:
  GET  /status                      counts and totals of every entity, connections, faults still pending
  GET  /dead-letters[?entity=PATH]  [{"entity","sequenceNumber","messageId","reason","description","deliveryCount"}]
  GET  /messages                    every message of the subscriptions and queues that is not settled:
                                    [{"entity","sequenceNumber","messageId","deliveryCount","lockedUntil"}] (ms; 0: not locked)
  POST /send?topic=NAME             [{"messageId","body","sessionId"?,"properties"?}], body text or any JSON -> {"sent":N}
  POST /settings                    {"lockDurationMs"?,"maxDeliveryCount"?,"delivering"?,
                                    "settleDelayMs"? (answers to settlements come later), "releasedCounts"?
                                    (giving back costs a delivery count)}
  POST /faults/detach               {"condition"?,"description"?,"entity"?,"links"?}: closes links ("receivers", "management",
                                    "cbs" or "all"; default receivers) -> {"detached":N}
  POST /faults/close                {"condition"?,"description"?}: closes every connection -> {"closed":N}
  POST /faults/lose-locks           {"count":N}: the first N locks end before their time -> {"lost":N}
  POST /faults/attach               {"count":N,"condition"?}: refuses the next N receivers (server-busy)
  POST /faults/drop                 resets every connection -> {"dropped":N}
  POST /faults/cbs                  {"count":N,"status"?}: refuses the next N put-tokens (401)
  POST /faults/dispositions         {"count":N,"condition"?}: refuses the next N settlements on links
  POST /faults/management           {"count":N,"status"?,"condition"?,"operation"?}: refuses the next N $management requests
)";
}

}  // namespace mw::devstack
