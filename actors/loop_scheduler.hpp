// CAF's scheduler on an I/O loop's own thread: with one thread for the actors (process.threads=1) they run at
// the end of a turn of the loop, after everything the turn brought. A message between the I/O side and an
// actor then wakes no other thread and crosses no cache. Delayed messages are timers of the loop. Actors
// never block, so the loop waits for them no longer than for one message of each. `run` installs it; the loop
// must outlive the actor system.
#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <vector>

#include "caf/detail/simple_actor_clock.hpp"
#include "caf/execution_unit.hpp"
#include "caf/scheduler/abstract_coordinator.hpp"
#include "protocol/io/loop.hpp"

namespace caf {
class actor_system_config;
}

namespace mw {

/// Delayed messages and time-outs of actors. Any thread.
class loop_clock final : public caf::detail::simple_actor_clock {
 public:
  /// @param open  false from close() on; read and written on the loop's thread only
  loop_clock(io::loop& loop, std::shared_ptr<bool> open) : loop_(loop), open_(std::move(open)) {}

  void set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                            uint64_t id) override;
  void set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type, uint64_t id) override;
  void set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) override;
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override;
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override;
  void cancel_timeouts(caf::abstract_actor* self) override;
  void schedule_message(time_point t, caf::strong_actor_ptr receiver,
                        caf::mailbox_element_ptr content) override;
  void schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender,
                        caf::message content) override;
  void cancel_all() override;
  /// On the loop's thread. Other threads may still call, until destruction; nothing comes of it.
  void close();

 private:
  template <class Change>
  void change(Change c);
  void arm();
  void fire();

  io::loop& loop_;
  const std::shared_ptr<bool> open_;
  std::recursive_mutex mutex_;  // the schedule; what a time-out sends may set another one
  io::timer_id timer_ = 0;      // the loop thread's, as is the next
  time_point due_{};
};

class loop_scheduler final : public caf::scheduler::abstract_coordinator {
 public:
  /// Makes the actor systems of `config` run on `loop`.
  static void install(caf::actor_system_config& config, io::loop& loop);

  loop_scheduler(caf::actor_system& system, io::loop& loop);
  /// Any thread.
  void enqueue(caf::resumable* job) override;
  caf::actor_clock& clock() noexcept override { return clock_; }
  /// Not on the loop's thread; waits until the loop has let go of every actor.
  void stop() override;

 private:
  class unit final : public caf::execution_unit {
   public:
    explicit unit(loop_scheduler& s) : caf::execution_unit(&s.system()), scheduler_(s) {}
    void exec_later(caf::resumable* job) override { scheduler_.enqueue(job); }

   private:
    loop_scheduler& scheduler_;
  };
  /// Its turn comes with the next one of the loop.
  void post(caf::resumable* job);
  void run_ready();
  void run_one(caf::resumable* job);
  void close(const std::shared_ptr<std::promise<void>>& closed);

  io::loop& loop_;
  const std::shared_ptr<bool> open_ = std::make_shared<bool>(true);  // outlives this in what was posted
  loop_clock clock_;
  unit unit_;
  // The loop thread's:
  std::vector<caf::resumable*> ready_;
  std::vector<caf::resumable*> running_;
  bool planned_ = false;
};

}  // namespace mw
