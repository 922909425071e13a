// What SIGHUP makes of a configuration that was read anew: the reloadable options take their new value,
// derived ones (a preset's times, max-in-flight) with them; the others keep what they run with and are named.
// Pure. `current` is where the program finds what it runs with at the moment.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "protocol/config/settings.hpp"

namespace mw::config {

struct change {
  std::string name;  ///< section.key
  std::string from;  ///< as a file writes it; secrets are "***"
  std::string to;
};

struct reload {
  settings values;
  std::vector<change> applied;
  std::vector<std::string> need_restart;  ///< names of options that changed and are not reloadable
};

/// Both are of load(), without problems.
reload merge(const settings& running, const settings& read);

/// Settings that are replaced whole. Thread-safe; who has got them keeps them as they were.
class current {
 public:
  explicit current(settings s) : now_(std::make_shared<const settings>(std::move(s))) {}
  std::shared_ptr<const settings> get() const {
    const std::lock_guard lock{mutex_};
    return now_;
  }
  std::shared_ptr<const settings> operator->() const { return get(); }
  void replace(settings s) {
    auto next = std::make_shared<const settings>(std::move(s));
    const std::lock_guard lock{mutex_};
    now_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const settings> now_;
};

}  // namespace mw::config
