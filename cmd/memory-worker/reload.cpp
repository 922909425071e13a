#include "cmd/memory-worker/reload.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "protocol/observe/log.hpp"

namespace mw {

void log_configuration(const config::loaded& c, observe::metrics& metrics) {
  for (const auto& n : c.notes) observe::log(log_level::info, "configuration-note").field("detail", n);
  for (const auto& w : c.warnings) {
    metrics.configuration_warnings.at(w.cause).Increment();
    observe::log(log_level::warning, "configuration-warning")
        .field("cause", w.cause)
        .field("detail", w.detail);
  }
}

bool reload_configuration(const config::inputs& in, config::current& settings, live_world& world,
                          observe::metrics& metrics) {
  const auto read = config::load(in, config::need::everything);
  for (const auto& p : read.problems)
    observe::log(log_level::error, "reload-problem").field("detail", p.detail);
  if (!read.problems.empty()) {
    metrics.config_reloads.at("rejected").Increment();
    observe::log(log_level::error, "reload-rejected")
        .field("config_file", read.file)
        .field("effect", "nothing was changed; mend the configuration and send SIGHUP again");
    return false;
  }
  log_configuration(read, metrics);
  auto next = config::merge(*settings.get(), read.values);
  if (!next.need_restart.empty())
    observe::log(log_level::warning, "reload-needs-restart")
        .field("options", fmt::format("{}", fmt::join(next.need_restart, ", ")))
        .field("effect", "their new values hold from the next start on");
  std::vector<std::string> changes;
  changes.reserve(next.applied.size());
  for (const auto& c : next.applied)
    changes.push_back(fmt::format("{}: {} -> {}", c.name, c.from.empty() ? "not set" : c.from,
                                  c.to.empty() ? "not set" : c.to));
  observe::process_logger().set_level(next.values.process.level);
  world.tune(next.values);
  settings.replace(std::move(next.values));
  metrics.config_reloads.at("applied").Increment();
  observe::log(log_level::info, "reloaded")
      .field("config_file", read.file)
      .field("changed", changes.empty() ? "nothing" : fmt::format("{}", fmt::join(changes, ", ")));
  return true;
}

}  // namespace mw
