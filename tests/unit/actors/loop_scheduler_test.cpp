// CAF's actors on an I/O loop's thread: what an actor may rely on whatever thread it runs on.
#include "actors/loop_scheduler.hpp"

#include <doctest/doctest.h>

#include <caf/all.hpp>
#include <caf/logger.hpp>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

using namespace mw;
using namespace std::chrono_literals;

namespace {

constexpr auto bound = 60s;

/// A loop with its thread, and an actor system on it.
struct on_loop {
  io::loop_thread thread;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;

  on_loop() {
    loop_scheduler::install(config, thread.get());
    config.set("scheduler.max-throughput", size_t{10});
    system = std::make_unique<caf::actor_system>(config);
  }
};

template <class T>
T wait_for(std::future<T> f) {
  REQUIRE(f.wait_for(bound) == std::future_status::ready);
  return f.get();
}

}  // namespace

TEST_CASE("actors run on the loop's thread, whoever sends") {
  on_loop at;
  std::promise<std::thread::id> loop_thread;
  at.thread.get().post([&] { loop_thread.set_value(std::this_thread::get_id()); });
  std::promise<std::thread::id> from_outside;
  std::promise<std::thread::id> from_inside;
  auto actor = at.system->spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](int) { from_outside.set_value(std::this_thread::get_id()); },
            [&](const std::string&) { from_inside.set_value(std::this_thread::get_id()); }};
  });
  caf::anon_send(actor, 1);
  at.thread.get().post([actor] { caf::anon_send(actor, std::string{"x"}); });
  const auto expected = wait_for(loop_thread.get_future());
  CHECK(wait_for(from_outside.get_future()) == expected);
  CHECK(wait_for(from_inside.get_future()) == expected);
}

TEST_CASE("delayed messages come in the order of their times, also those set from another thread") {
  on_loop at;
  std::vector<int> seen;
  std::promise<void> begun;
  std::promise<void> done;
  auto actor = at.system->spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->delayed_send(self, 40ms, 3);
    self->delayed_send(self, 5ms, 1);
    self->delayed_send(self, 20ms, 2);
    begun.set_value();
    return {[&](int n) {
      seen.push_back(n);
      if (n == 4) done.set_value();
    }};
  });
  wait_for(begun.get_future());
  {
    caf::scoped_actor outside{*at.system};
    outside->delayed_send(actor, 80ms, 4);
  }
  wait_for(done.get_future());
  CHECK(seen == std::vector{1, 2, 3, 4});
}

TEST_CASE("a request that nobody answers ends with a time-out") {
  on_loop at;
  std::promise<bool> timed_out;
  auto silent = at.system->spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[self](int) { return self->make_response_promise<int>(); }};
  });
  at.system->spawn([&, silent](caf::event_based_actor* self) {
    self->request(silent, 10ms, 1)
        .then([&](int) { timed_out.set_value(false); },
              [&](caf::error& e) { timed_out.set_value(e == caf::sec::request_timeout); });
  });
  CHECK(wait_for(timed_out.get_future()));
  caf::anon_send_exit(silent, caf::exit_reason::user_shutdown);
}

TEST_CASE("an actor that never runs dry does not keep timers of the loop from their turn") {
  on_loop at;
  std::promise<void> timer;
  std::atomic<bool> enough{false};
  auto busy = at.system->spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[&, self](int n) {
      if (!enough) self->send(self, n + 1);
    }};
  });
  caf::anon_send(busy, 0);
  at.thread.get().post([&] { at.thread.get().after(5ms, [&] { timer.set_value(); }); });
  wait_for(timer.get_future());
  enough = true;
}

TEST_CASE("a system that ends leaves no actor behind, though messages are under way and delayed ones wait") {
  const auto token = std::make_shared<int>();
  {
    on_loop at;
    for (int i = 0; i < 50; ++i) {
      auto actor = at.system->spawn([token](caf::event_based_actor* self) -> caf::behavior {
        self->delayed_send(self, 1h, 1);
        return {[self, token](int) { self->quit(); }};
      });
      caf::anon_send(actor, 1);
    }
    at.system.reset();
  }
  CHECK(token.use_count() == 1);
}

TEST_CASE("nothing that another thread still asks of the clock outlives a closed scheduler") {
  on_loop at;
  std::promise<void> spawned;
  std::promise<void> closed;
  std::promise<void> gone;
  std::promise<void> held;
  // Spawning gives the loop's thread the system's logger until the scheduler is closed. From then on this
  // task holds the loop, so that what was posted to it since then runs when the system is gone.
  std::function<void()> hold = [&] {
    if (caf::logger::current_logger() != nullptr) return at.thread.get().post(hold);
    closed.set_value();
    wait_for(gone.get_future());
    held.set_value();
  };
  at.thread.get().post([&] {
    at.system->spawn([](caf::event_based_actor*) {});
    hold();
    spawned.set_value();
  });
  wait_for(spawned.get_future());
  // As CAF's own printer, it cancels its time-outs at its end, and the system waits for its thread only.
  at.system->spawn<caf::detached + caf::hidden>([&](caf::blocking_actor*) { wait_for(closed.get_future()); });
  at.system.reset();
  gone.set_value();
  wait_for(held.get_future());
  std::promise<void> next_turn;
  at.thread.get().post([&] { next_turn.set_value(); });
  wait_for(next_turn.get_future());
}
