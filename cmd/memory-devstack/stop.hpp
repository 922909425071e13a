// How a stand-in made of an HTTP server stops: waits for SIGTERM or SIGINT, and handlers that wait are let
// go. Used by the subcommands' run functions.
#pragma once

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>

namespace mw::devstack {

/// Lets handlers wait until the server stops.
class stop_gate {
 public:
  bool wait(std::chrono::milliseconds time) {
    std::unique_lock lock{mutex_};
    return !changed_.wait_for(lock, time, [this] { return stopping_; });
  }
  void stop() {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
};

/// SIGTERM and SIGINT: to be blocked before any thread starts, and waited for.
inline sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace mw::devstack
