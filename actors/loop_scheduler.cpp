#include "actors/loop_scheduler.hpp"

#include "caf/abstract_actor.hpp"
#include "caf/actor_system_config.hpp"
#include "caf/group.hpp"
#include "caf/logger.hpp"
#include "caf/resumable.hpp"

namespace mw {

// --- the clock ---

template <class Change>
void loop_clock::change(Change c) {
  {
    const std::lock_guard lock{mutex_};
    c();
  }
  if (loop_.on_loop_thread()) return arm();
  // A thread of its own (CAF's printer) cancels its time-outs as late as between close and destruction.
  loop_.post([this, open = open_] {
    if (*open) arm();
  });
}

/// One timer of the loop, for the earliest time-out.
void loop_clock::arm() {
  const std::lock_guard lock{mutex_};
  if (timer_ != 0 && !schedule_.empty() && schedule_.begin()->first == due_) return;
  if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
  if (schedule_.empty()) return;
  due_ = schedule_.begin()->first;
  timer_ = loop_.after(due_ - now(), [this] { fire(); });
}

void loop_clock::fire() {
  timer_ = 0;
  {
    const std::lock_guard lock{mutex_};
    trigger_expired_timeouts();
  }
  arm();
}

void loop_clock::set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                                      uint64_t id) {
  change([&] { simple_actor_clock::set_ordinary_timeout(t, self, type, id); });
}

void loop_clock::set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                                   uint64_t id) {
  change([&] { simple_actor_clock::set_multi_timeout(t, self, type, id); });
}

void loop_clock::set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) {
  change([&] { simple_actor_clock::set_request_timeout(t, self, id); });
}

void loop_clock::cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) {
  change([&] { simple_actor_clock::cancel_ordinary_timeout(self, type); });
}

void loop_clock::cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) {
  change([&] { simple_actor_clock::cancel_request_timeout(self, id); });
}

void loop_clock::cancel_timeouts(caf::abstract_actor* self) {
  change([&] { simple_actor_clock::cancel_timeouts(self); });
}

void loop_clock::schedule_message(time_point t, caf::strong_actor_ptr receiver,
                                  caf::mailbox_element_ptr content) {
  change([&] { simple_actor_clock::schedule_message(t, std::move(receiver), std::move(content)); });
}

void loop_clock::schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender,
                                  caf::message content) {
  change([&] {
    simple_actor_clock::schedule_message(t, std::move(target), std::move(sender), std::move(content));
  });
}

void loop_clock::cancel_all() {
  change([&] { simple_actor_clock::cancel_all(); });
}

void loop_clock::close() {
  cancel_all();
  *open_ = false;
}

// --- the scheduler ---

void loop_scheduler::install(caf::actor_system_config& config, io::loop& loop) {
  config.module_factories.emplace_back([&loop](caf::actor_system& system) -> caf::actor_system::module* {
    return new loop_scheduler(system, loop);  // the system owns its modules
  });
}

loop_scheduler::loop_scheduler(caf::actor_system& system, io::loop& loop)
    : abstract_coordinator(system), loop_(loop), clock_(loop, open_), unit_(*this) {}

void loop_scheduler::enqueue(caf::resumable* job) {
  if (!loop_.on_loop_thread()) return post(job);
  if (!*open_) return cleanup_and_release(job);
  ready_.push_back(job);
  if (!std::exchange(planned_, true)) io::loop::at_turn_end([this] { run_ready(); });
}

void loop_scheduler::post(caf::resumable* job) {
  // Once closed, the system that the job would need for its end may be gone.
  loop_.post([this, open = open_, job] {
    if (*open) enqueue(job);
  });
}

void loop_scheduler::run_ready() {
  planned_ = false;
  running_.swap(ready_);
  for (auto* job : running_) run_one(job);
  running_.clear();
}

void loop_scheduler::run_one(caf::resumable* job) {
  switch (job->resume(&unit_, max_throughput_)) {
    case caf::resumable::resume_later:  // in another turn: sockets and timers come first
      return post(job);
    case caf::resumable::awaiting_message:
    case caf::resumable::done:
    case caf::resumable::shutdown_execution_unit:
      return intrusive_ptr_release(job);
  }
}

void loop_scheduler::stop() {
  stop_actors();
  const auto closed = std::make_shared<std::promise<void>>();
  loop_.post([this, closed] { io::loop::at_turn_end([this, closed] { close(closed); }); });
  closed->get_future().wait();
}

// Whoever waits may then destroy the scheduler, so nothing of this turn may still want it.
void loop_scheduler::close(const std::shared_ptr<std::promise<void>>& closed) {
  if (planned_) return io::loop::at_turn_end([this, closed] { close(closed); });
  clock_.close();
  // Spawning from this thread left it a reference to the system's logger, which the system waits for at its
  // end.
  caf::logger::set_current_actor_system(nullptr);
  closed->set_value();
}

}  // namespace mw
