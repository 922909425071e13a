// Users in turn: which ready window or waiting job starts next, so that no user starves the others
// (docs/design.md 2, back-pressure). One job per user at a time; a user with more than `widen_at` sessions
// waiting or running widens up to `jobs_per_user`; while other users wait, no user takes more than
// `user_share` of the job room. Pure; holds pointers to windows in `ready` state, which the caller removes
// here before it takes them out of the window table. O(log n) per call.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <set>
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
  size_t user_ready = SIZE_MAX;  ///< what waits or runs of one user beyond so many is beyond his share
};

/// What starts next: a window whose job begins, or a job that was held and goes on. Neither: nothing may.
struct turn {
  const window* fresh = nullptr;
  uint64_t resumed = 0;
  explicit operator bool() const { return fresh != nullptr || resumed != 0; }
};

class turns {
 public:
  explicit turns(turn_policy policy) : policy_(policy) {}
  /// Jobs that run above the new limits go on.
  void set_policy(turn_policy policy);
  void push(const window* w);
  /// A job that was held may go on; before its user's windows.
  void resume(std::string_view user, uint64_t job);
  /// The next one whose user may run another job. Counts the user's job as running.
  turn next();
  /// A job is about to run out of turn (a suspect, a probe): true where the user may run another one, which
  /// is counted then.
  bool try_start(std::string_view user);
  /// A running job of this user ended, or is held.
  void finished(std::string_view user);
  /// It is not waiting any more (taken otherwise).
  void drop(const window* w);
  void drop(std::string_view user, uint64_t job);
  size_t waiting() const { return waiting_; }
  /// How much of what waits and runs is beyond its user's share of what is ready.
  size_t beyond_share() const { return beyond_; }

 private:
  struct text_hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using ring = std::list<const std::string*>;  // keys of users_
  struct user_queue {
    std::set<uint64_t> resumed;
    std::set<std::pair<time_point, const window*>> ready;
    uint32_t running = 0;
    ring* in = nullptr;
    ring::iterator place;
    size_t beyond = 0;  // counted in beyond_
    size_t waiting() const { return resumed.size() + ready.size(); }
  };
  using user_map = std::unordered_map<std::string, user_queue, text_hash, std::equal_to<>>;
  user_map::iterator of(std::string_view user);
  bool has_room(const user_queue& q) const;
  bool within_share(const user_queue& q) const;
  void leave_ring(user_queue& q);
  /// After every change of what a user has waiting or running; may forget the user.
  void changed(user_map::iterator at);

  turn_policy policy_;
  user_map users_;
  // Users with something waiting that may run another job: those within their share go first.
  ring ring_;
  ring sated_;
  size_t waiting_ = 0;
  size_t beyond_ = 0;
};

}  // namespace mw::flow
