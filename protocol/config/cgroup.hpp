// What this process may use, memory in bytes and CPUs in fractions: the least of what the machine has and
// what the cgroups allow from the root of their mount down to the process's own (v2 and v1, each controller
// by itself). Reads files only, and never fails: one that cannot be read, says "max" or a v1 number for "no
// limit" limits nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace mw::config {

struct resource_limits {
  uint64_t memory_bytes = 0;    ///< 0: unknown
  bool memory_limited = false;  ///< by a cgroup; false: the machine's memory
  double cpus = 1;              ///< may be a fraction, as 0.25
  bool cpus_limited = false;
};

/// `root` is where proc/ and sys/ are found ("/" but for tests); `machine` is what holds without limits.
resource_limits read_limits(const std::filesystem::path& root, resource_limits machine);
/// Physical memory and online processors.
resource_limits machine_resources();

/// 40 % of the memory, at least 16 MiB; 256 MiB where the memory is unknown.
uint64_t default_bytes_in_flight(const resource_limits& limits);
/// CPUs rounded up, less one for the I/O loop; 1 to 64.
uint32_t default_threads(const resource_limits& limits);

}  // namespace mw::config
