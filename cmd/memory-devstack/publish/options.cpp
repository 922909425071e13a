#include "cmd/memory-devstack/publish/options.hpp"

#include <fmt/format.h>

#include <charconv>

namespace mw::publish {
namespace {

failure bad_option(std::string detail) {
  return fail(errc::misconfigured, std::move(detail));
}

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_address(std::string_view text, options& o) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  o.redis_host = text.substr(0, colon);
  return read_number(text.substr(colon + 1), o.redis_port);
}

status read_option(std::string_view name, std::string_view value, options& o,
                   std::string& connection_string) {
  const auto wrong = [&](std::string_view wanted) {
    return bad_option(fmt::format("{}: '{}' is not {}", name, value, wanted));
  };
  if (name == "--redis") {
    if (!read_address(value, o)) return wrong("HOST:PORT");
  } else if (name == "--bus-connection-string") {
    connection_string = value;
  } else if (name == "--bus-port") {
    uint16_t port = 0;
    if (!read_number(value, port) || port == 0) return wrong("a port");
    connection_string = fmt::format(
        "Endpoint=sb://localhost:{};SharedAccessKeyName=dev;SharedAccessKey=dev;UseDevelopmentEmulator=true;",
        port);
  } else if (name == "--topic") {
    o.topic = value;
  } else if (name == "--rate") {
    if (!read_number(value, o.rate) || o.rate < 0) return wrong("a number of events a second");
  } else {
    return bad_option(fmt::format("unknown option {}; see memory-devstack publish --help", name));
  }
  return ok;
}

}  // namespace

result<options> parse_options(std::span<const std::string> args) {
  options o;
  std::string connection_string;
  for (size_t i = 0; i < args.size(); ++i) {
    std::string_view name = args[i];
    if (name == "--help" || name == "-h") {
      o.help = true;
      return o;
    }
    if (name == "--interleave") {
      o.interleave = true;
      continue;
    }
    if (!name.starts_with("--")) {
      o.files.emplace_back(name);
      continue;
    }
    std::string_view value;
    if (const size_t equals = name.find('='); equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    } else if (++i < args.size()) {
      value = args[i];
    } else {
      return bad_option(
          fmt::format("{} needs a value, or is unknown; see memory-devstack publish --help", name));
    }
    if (const auto s = read_option(name, value, o, connection_string); !s) return s.error();
  }
  if (o.files.empty()) return bad_option("no FILE given; see memory-devstack publish --help");
  if (connection_string.empty()) return bad_option("--bus-port or --bus-connection-string is needed");
  auto bus = azure::parse_connection_string(connection_string);
  if (!bus) return bus.error();
  o.bus = std::move(*bus);
  return o;
}

std::string_view help() {
  return R"(usage: memory-devstack publish (--bus-port N | --bus-connection-string CS) [OPTION...] FILE...

Publishes conversations as the chat application does: after every assistant message the whole conversation is
written to Redis (session:{sessionId}, 24 h to live), then one event goes to the topic.

  --redis HOST:PORT           default 127.0.0.1:6379
  --bus-port N                a memory-devstack bus on this machine
  --bus-connection-string CS  any Service Bus namespace
  --topic NAME                default message-completed
  --rate N                    events a second, N may be a fraction; default: as fast as it goes
  --interleave                one turn of each file in rotation instead of file after file

FILE: {"userId","sessionId","title"?,"language"?,"messages":[{"role","text"}]}; an optional system message first,
then user and assistant in turns. Prints a line for each when it is published:
  {"file","userId","sessionId","events","lastMessageId","lastTimestamp"}
)";
}

}  // namespace mw::publish
