// One call of config::load in a folder of its own that is removed afterwards.
#pragma once

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/config/load.hpp"

namespace mw::config::test {

/// mkdtemp below the system's folder for temporary files.
inline std::filesystem::path make_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "mw-config-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  return name;
}

class scene {
 public:
  scene() {
    in.directory = make_folder();
    in.limits = {1ull << 30, true, 2.0, true};
    in.host_name = "node-1";
  }
  ~scene() {
    std::error_code ignored;
    std::filesystem::remove_all(in.directory, ignored);
  }
  scene(const scene&) = delete;
  scene& operator=(const scene&) = delete;

  scene& file(std::string_view text, std::string_view name = "memory-worker.conf") {
    std::ofstream{in.directory / name, std::ios::binary} << text;
    return *this;
  }
  scene& env(std::string_view name, std::string_view content) {
    in.environment.emplace_back(name, content);
    return *this;
  }
  scene& arg(std::string_view text) {
    in.arguments.emplace_back(text);
    return *this;
  }
  /// The four variables of the original's `docker run`.
  scene& four() {
    env("SERVICEBUS_FULLY_QUALIFIED_NAMESPACE", "chat.servicebus.windows.net");
    env("AZURE_AI_CHAT_ENDPOINT", "https://chat.openai.azure.com/openai/deployments/gpt-4");
    env("REDIS_HOST", "redis.example.net");
    return env("MEMORY_API_ENDPOINT", "http://memory-api:8003");
  }
  loaded run(need what = need::everything) const { return load(in, what); }
  /// The lines of all problems, one below the other.
  std::string problems(need what = need::everything) const {
    std::string out;
    for (const auto& f : load(in, what).problems) {
      if (f.code != errc::misconfigured) return "wrong code";
      out += (out.empty() ? "" : "\n") + f.detail;
    }
    return out;
  }

  inputs in;
};

inline bool has(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace mw::config::test
