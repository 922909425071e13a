#include "protocol/config/cgroup.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

namespace mw::config {

namespace fs = std::filesystem;

namespace {

/// v1 says "no limit" as a huge number.
constexpr uint64_t unlimited_v1 = 1ull << 60;

std::string first_line(const fs::path& file) {
  std::ifstream in{file};
  std::string line;
  std::getline(in, line);
  return line;
}

std::optional<int64_t> number(std::string_view text) {
  std::istringstream in{std::string{text}};
  int64_t n = 0;
  if (!(in >> n)) return std::nullopt;
  return n;
}

void limit_memory(resource_limits& out, std::optional<int64_t> bytes) {
  if (!bytes || *bytes <= 0 || static_cast<uint64_t>(*bytes) >= unlimited_v1) return;
  const auto n = static_cast<uint64_t>(*bytes);
  if (out.memory_bytes != 0 && n >= out.memory_bytes) return;
  out.memory_bytes = n;
  out.memory_limited = true;
}

void limit_cpus(resource_limits& out, std::optional<int64_t> quota, std::optional<int64_t> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return;
  const double cpus = static_cast<double>(*quota) / static_cast<double>(*period);
  if (cpus >= out.cpus) return;
  out.cpus = cpus;
  out.cpus_limited = true;
}

/// The folders from `mount`/`path` up to `mount`. Inside a container the path may be the host's: then only
/// `mount` exists, and it is the container's own.
std::vector<fs::path> folders(const fs::path& mount, const fs::path& path) {
  std::vector<fs::path> out{mount};
  fs::path folder = mount;
  for (const auto& part : path.relative_path()) {
    folder /= part;
    out.push_back(folder);
  }
  return out;
}

bool names_controller(std::string_view list, std::string_view controller) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == controller) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

}  // namespace

resource_limits read_limits(const fs::path& root, resource_limits machine) {
  resource_limits out = machine;
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream groups{root / "proc/self/cgroup"};
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path path = line.substr(second + 1);
    if (controllers.empty()) {
      for (const auto& folder : folders(mounts, path)) {
        limit_memory(out, number(first_line(folder / "memory.max")));
        std::istringstream cpu{first_line(folder / "cpu.max")};
        std::string quota;
        std::string period;
        cpu >> quota >> period;
        limit_cpus(out, number(quota), number(period));
      }
    } else if (names_controller(controllers, "memory")) {
      for (const auto& folder : folders(mounts / "memory", path))
        limit_memory(out, number(first_line(folder / "memory.limit_in_bytes")));
    } else if (names_controller(controllers, "cpu")) {
      for (const char* name : {"cpu", "cpu,cpuacct"})
        for (const auto& folder : folders(mounts / name, path))
          limit_cpus(out, number(first_line(folder / "cpu.cfs_quota_us")),
                     number(first_line(folder / "cpu.cfs_period_us")));
    }
  }
  return out;
}

resource_limits machine_resources() {
  resource_limits out;
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGE_SIZE);
  if (pages > 0 && page > 0) out.memory_bytes = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
  out.cpus = std::max(1u, std::thread::hardware_concurrency());
  return out;
}

uint64_t default_bytes_in_flight(const resource_limits& limits) {
  if (limits.memory_bytes == 0) return 256ull << 20;
  return std::max<uint64_t>(limits.memory_bytes / 10 * 4, 16ull << 20);
}

uint32_t default_threads(const resource_limits& limits) {
  // One CPU is the I/O loop's: on two, a second actor thread costs more in wake-ups than it brings (bench:
  // pipeline).
  return static_cast<uint32_t>(std::clamp(std::ceil(limits.cpus) - 1, 1.0, 64.0));
}

}  // namespace mw::config
