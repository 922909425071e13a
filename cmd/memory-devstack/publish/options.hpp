// The command line of `memory-devstack publish`. Errors: misconfigured, one line for the user.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/azure/sas.hpp"
#include "protocol/base/errors.hpp"

namespace mw::publish {

struct options {
  bool help = false;
  std::string redis_host = "127.0.0.1";
  uint16_t redis_port = 6379;
  azure::bus_connection bus;
  std::string topic = "message-completed";
  double rate = 0;  ///< events a second; 0: as fast as it goes
  bool interleave = false;
  std::vector<std::string> files;
};

result<options> parse_options(std::span<const std::string> args);
std::string_view help();

}  // namespace mw::publish
