// What the actors share: settings, the outside world, budgets, metrics. Made by main, outlives every actor.
// Everything in it is immutable or thread-safe. An actor keeps the settings it has got until
// settings_changed.
#pragma once

#include <atomic>
#include <limits>
#include <unordered_set>

#include "actors/call_book.hpp"
#include "actors/ports.hpp"
#include "protocol/analysis/skipped_book.hpp"
#include "protocol/base/written_time.hpp"
#include "protocol/config/reload.hpp"
#include "protocol/flow/byte_budget.hpp"
#include "protocol/flow/job.hpp"
#include "protocol/observe/log.hpp"
#include "protocol/observe/metrics.hpp"
#include "protocol/observe/status.hpp"
#include "protocol/observe/trace/trace_book.hpp"

namespace mw {

/// Redis's run id over the life of the process: a changed one may mean that Redis came back empty.
/// Thread-safe.
class redis_run_watch {
 public:
  void seen(const std::string& run_id, flow::time_point now) {
    const std::lock_guard lock{mutex_};
    if (!run_id_.empty() && run_id != run_id_) changed_at_ = now;
    run_id_ = run_id;
  }
  bool changed_within(flow::duration span, flow::time_point now) const {
    const std::lock_guard lock{mutex_};
    return changed_at_ && now - *changed_at_ < span;
  }

 private:
  mutable std::mutex mutex_;
  std::string run_id_;
  std::optional<flow::time_point> changed_at_;
};

/// The LLM's tokens of a day; outlives the analyzer's crashes. Thread-safe.
class token_budget {
 public:
  void spend(int64_t day, uint64_t tokens) {
    const std::lock_guard lock{mutex_};
    start(day);
    spent_ += tokens;
  }
  uint64_t spent(int64_t day) {
    const std::lock_guard lock{mutex_};
    start(day);
    return spent_;
  }

 private:
  void start(int64_t day) {
    if (std::exchange(day_, day) != day) spent_ = 0;
  }
  std::mutex mutex_;
  int64_t day_ = 0;
  uint64_t spent_ = 0;
};

/// load() has checked its name.
inline naive_zone zone_of(const std::string& name) {
  auto zone = naive_zone::named(name);
  return zone ? std::move(*zone) : naive_zone{};
}

struct services {
  services(config::settings s, ports p, observe::metrics& m, observe::status_board& b)
      : settings(std::move(s)),
        outside(std::move(p)),
        bytes(settings->dispatcher.bytes_in_flight),
        zone(zone_of(settings->process.naive_times_zone)),
        metrics(m),
        status(b) {}

  config::current settings;
  const ports outside;
  flow::byte_budget bytes;
  const naive_zone zone;  ///< of the chat's times that name none
  call_book calls;
  token_budget tokens;
  analysis::skipped_book skipped;
  session_slot session;
  std::unordered_set<size_t> told_sessions;  ///< session_loader's: what was logged of whom
  redis_run_watch redis_run;
  observe::metrics& metrics;
  observe::status_board& status;
  observe::trace_book* traces = nullptr;  ///< null: jobs are not traced
  std::function<wall_time()> wall_clock = [] {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  };
  /// Told once the admin port listens.
  std::function<void(uint16_t port)> admin_listening = [](uint16_t) {};
  /// LLM calls at once that this process has the open files for, whatever the settings say.
  uint32_t most_in_flight = std::numeric_limits<uint32_t>::max();
  uint64_t seed = 1;  ///< of back-off jitter
};

}  // namespace mw
