// Users in turn: which ready window starts next, so that no user starves the others (DESIGN 2,
// back-pressure). One job per user at a time; a user with more than `widen_at` waiting sessions widens up to
// `jobs_per_user`; no user takes more than `user_share` of the job room. Pure; holds pointers to windows in
// `ready` state, which the caller removes here before it takes them out of the window table.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/flow/windows.hpp"

namespace mw::flow {

struct turn_policy {
  uint32_t max_jobs = 10;
  double user_share = 0.25;
  uint32_t jobs_per_user = 4;
  uint32_t widen_at = 4;
};

class turns {
 public:
  explicit turns(turn_policy policy) : policy_(policy) {}
  void push(const window* w);
  /// The next window whose user may run another job, or nullptr. Counts the user's job as running.
  const window* next();
  /// A job of this user ended.
  void finished(std::string_view user);
  /// A held job of this user runs again beside the ready windows (no turn is needed).
  void started(std::string_view user);
  /// The window is not ready any more (taken otherwise).
  void drop(const window* w);
  size_t waiting() const { return waiting_; }
  /// Longest waiting ready window, or nullptr.
  const window* oldest() const;

 private:
  struct user_queue {
    std::deque<const window*> ready;
    uint32_t running = 0;
    bool in_ring = false;
    std::list<std::string>::iterator place;
  };
  bool may_run(const user_queue& q) const;
  void into_ring(const std::string& user, user_queue& q);
  void forget_if_idle(const std::string& user);

  turn_policy policy_;
  std::unordered_map<std::string, user_queue> users_;
  std::list<std::string> ring_;
  size_t waiting_ = 0;
};

}  // namespace mw::flow
