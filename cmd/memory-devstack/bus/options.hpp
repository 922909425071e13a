// The command line of `memory-devstack bus`. An option that is unknown or whose value makes no sense is a
// failure whose detail is one line for the user.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/memory-devstack/bus/entity.hpp"
#include "cmd/memory-devstack/bus/requests.hpp"
#include "protocol/base/errors.hpp"

namespace mw::devstack {

struct topic_option {
  std::string name;
  std::vector<std::string> subscriptions;
};

struct bus_options {
  uint16_t port = 5672;  ///< 0: any free one
  std::optional<uint16_t> admin_port;
  std::vector<topic_option> topics;
  std::vector<std::string> queues;
  entity_settings settings;
  std::string tls_cert;  ///< PEM files; both or none
  std::string tls_key;
  token_rules tokens;
  bool help = false;
};

result<bus_options> parse_bus_options(std::span<const std::string> args);
/// "500ms", "30s", "5m" or plain seconds; 1 ms to 1 day.
std::optional<wall_ms> parse_duration(std::string_view text);
std::string_view bus_help();

}  // namespace mw::devstack
