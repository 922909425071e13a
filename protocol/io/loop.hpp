// One thread's event loop (epoll): sockets, timers and posted functions. The AMQP connection, the Redis
// connection, the HTTP client and the development bus all run on such a loop; the owner decides how many
// loops there are. post() and stop() may be called from any thread; everything else only on the loop's thread
// (inside a callback). Callbacks never run re-entrantly from within watch/after/post. An exception leaving a
// callback ends the process.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace mw::io {

using clock = std::chrono::steady_clock;
using timer_id = uint64_t;  ///< 0 is never a timer

class loop {
 public:
  using task = std::function<void()>;
  /// Gets the epoll event bits (EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP).
  using fd_handler = std::function<void(uint32_t events)>;

  loop();
  /// Tasks, timers and handlers that are left are dropped, not run.
  ~loop();
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;

  /// Runs until stop(). Posted tasks are run in order; those posted before stop() still run.
  void run();
  void stop();
  /// Any thread. Wakes the loop when it sleeps; cheap when called in bursts.
  void post(task fn);
  /// On a loop's thread, inside a callback: runs `fn` when this turn (events, posted tasks, timers) is over,
  /// in order; elsewhere at once. For what wakes another thread, so that one turn wakes it once.
  static void at_turn_end(task fn);
  /// Any thread.
  bool on_loop_thread() const;

  /// Level-triggered. One handler per fd. The caller keeps the fd open until unwatch().
  void watch(int fd, uint32_t events, fd_handler handler);
  void modify(int fd, uint32_t events);
  /// No callback for this fd follows, not even one of the batch being handled now.
  void unwatch(int fd);

  timer_id after(clock::duration delay, task fn);
  void cancel(timer_id id);
  /// The time at which the current batch of events was taken; no system call.
  clock::time_point now() const { return now_; }

 private:
  struct watched {
    fd_handler handler;
    uint64_t generation;
  };
  /// How long epoll may sleep; from here on a post() wakes it.
  int fall_asleep();
  void run_posted();
  void run_timers();
  void end_turn();
  int wait_ms() const;

  int epoll_ = -1;
  int wake_ = -1;
  clock::time_point now_ = clock::now();
  std::unordered_map<int, std::shared_ptr<watched>> watched_;
  uint64_t generation_ = 0;
  std::map<std::pair<clock::time_point, timer_id>, task> timers_;
  std::unordered_map<timer_id, clock::time_point> timer_due_;
  timer_id next_timer_ = 1;
  std::vector<task> at_turn_end_;

  std::mutex mutex_;  // guards the three below
  std::vector<task> posted_;
  bool asleep_ = false;
  bool stopping_ = false;
};

/// A loop with its own thread; the destructor stops and joins.
class loop_thread {
 public:
  loop_thread();
  ~loop_thread();
  loop& get() { return *loop_; }

 private:
  std::unique_ptr<loop> loop_;
  std::thread thread_;
};

}  // namespace mw::io
