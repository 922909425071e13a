// Puts the configuration together: defaults < file < environment (.env below the process's own) < command
// line, then what is derived (preset, composed endpoint, cgroup limits). Called by main for every command,
// and again at SIGHUP. Pure but for reading files: everything of the process comes in `inputs`. Errors never
// throw: each is one misconfigured failure whose detail is one line naming place, key and the fix; with any
// of them the caller prints all and exits 78. No line and no note holds a secret.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/errors.hpp"
#include "protocol/config/cgroup.hpp"
#include "protocol/config/options.hpp"
#include "protocol/config/settings.hpp"

namespace mw::config {

/// EX_CONFIG of sysexits.
inline constexpr int exit_misconfigured = 78;
inline constexpr std::string_view default_file = "memory-worker.conf";

struct inputs {
  std::vector<std::string> arguments;  ///< behind the command: --section.key=VALUE, --config FILE
  std::vector<std::pair<std::string, std::string>> environment;
  std::filesystem::path directory;  ///< where .env and memory-worker.conf are looked for
  resource_limits limits;
  std::string host_name;
};
/// Of this process; `arguments` are those behind the command.
inputs inputs_of_process(std::vector<std::string> arguments);

/// Whether what `run` and `check` need must be there.
enum class need : uint8_t { everything, nothing };

enum class layer : uint8_t { preset, file, dotenv, environment, command_line };
inline constexpr size_t layer_count = 5;

/// Where an option's value was taken from.
struct origin {
  const option* what = nullptr;
  layer from{};
  std::string place;  ///< "memory-worker.conf:12", "REDIS_HOST", "REDIS_HOST of .env", "--admin.port"
};

/// What an operator should see although the worker starts.
struct warning {
  std::string_view cause;  ///< unsupported-value, unreadable-value, grpc-port
  std::string detail;      ///< one line that names the variable, without its value
};

struct loaded {
  settings values;
  std::string file;                ///< the file that was read; empty: none
  std::vector<origin> origins;     ///< only what isn't the default, each option once
  std::vector<std::string> notes;  ///< for the start log: what overrides what, what was taken
  std::vector<warning> warnings;
  std::vector<failure> problems;  ///< not empty: values must not be used
};

loaded load(const inputs& in, need what);

/// The whole configuration in the file's syntax, with the origin of each value; secrets are "***".
std::string print(const loaded& l);

}  // namespace mw::config
