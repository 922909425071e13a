// Room: link credit, windows that close early, job room, users' shares, and what a large ledger costs.
#include <doctest/doctest.h>

#include <map>

#include "protocol/flow/dispatch.hpp"
#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

TEST_CASE("room: credit and deliveries together never exceed the window room") {
  auto o = scene::defaults();
  o.window_room = 5'000;
  scene t{o};
  size_t credit = 0;
  int64_t sequence = 0;
  for (int i = 0; i < 20'000; ++i) {
    credit += t.d->take_grant();
    CHECK(t.d->deliveries() + credit <= 5'000);
    if (credit == 0) break;
    --credit;
    ++sequence;
    t.deliver(sequence, name(static_cast<int>(sequence)), user(static_cast<int>(sequence)));
  }
  CHECK(t.d->deliveries() > 4'700);
  CHECK(t.d->deliveries() <= 5'000);
  for (const auto& session : t.running_sessions()) t.commit(session);
  t.confirm();
  commit_all(t);
  commit_all(t);
  commit_all(t);
  t.confirm();
  CHECK(t.d->take_grant() > 0);
}

TEST_CASE("room: credit is given in portions, not a frame for every single delivery") {
  scene t;
  t.trust();
  CHECK(t.d->take_grant() == 416);
  CHECK(t.d->take_grant() == 0);
  for (int i = 1; i <= 51; ++i) t.deliver(i, name(i));
  CHECK(t.d->take_grant() == 0);
  t.deliver(52, name(52));
  CHECK(t.d->take_grant() == 52);
}

TEST_CASE("room: a lost receiver's credit is granted anew") {
  scene t;
  const auto first = t.d->take_grant();
  CHECK(t.d->take_grant() == 0);
  t.d->receiver_lost();
  CHECK(t.d->take_grant() == first);
}

TEST_CASE("room: credit that was drained in an outage is granted anew after it") {
  scene t;
  t.trust();
  const auto first = t.d->take_grant();
  t.d->stage_lost(stage::load, 0, true, t.now);
  CHECK(t.d->take_grant() == 0);
  t.confirm();
  t.d->loader_demand(100, t.now);
  CHECK(t.d->take_grant() == first);
}

// A drain takes a while: what was granted before may still come, and credit was granted anew for the same
// room.
TEST_CASE("room: intake that opens again before it was closed does not overshoot the room") {
  auto o = scene::defaults();
  o.window_room = 300;
  scene t{o};
  t.trust();
  size_t in_flight = t.d->take_grant();
  CHECK(in_flight == 300);
  t.d->stage_lost(stage::load, 0, true, t.now);
  t.d->loader_demand(100, t.now);
  in_flight += t.d->take_grant();
  CHECK(in_flight <= 300);
  for (int i = 1; i <= 50; ++i) t.deliver(i, name(i), user(i));
  in_flight -= 50;
  CHECK(t.d->deliveries() + in_flight <= 300);
  // What the first credit still held was taken back.
  t.confirm();
  CHECK(t.d->take_grant() == 250);
}

TEST_CASE("room: of two closings only the last one's end frees the credit of both") {
  auto o = scene::defaults();
  o.window_room = 200;
  scene tight{o};
  tight.trust();
  CHECK(tight.d->take_grant() == 200);
  for (int i = 0; i < 2; ++i) {
    tight.d->stage_lost(stage::load, 0, true, tight.now);
    tight.d->loader_demand(100, tight.now);
    CHECK(tight.d->take_grant() == 0);
  }
  tight.d->intake_closed();
  CHECK(tight.d->take_grant() == 0);
  tight.d->intake_closed();
  CHECK(tight.d->take_grant() == 200);
}

TEST_CASE("room: without windows only as much is locked as some rounds of work need") {
  auto o = scene::at_once();
  o.turns.max_jobs = 10;
  scene t{o};
  t.trust();
  CHECK(t.d->take_grant() == 56);
}

TEST_CASE("room: when window room runs short the oldest windows close early") {
  auto o = scene::defaults();
  o.window_room = 100;
  scene t{o};
  for (int i = 1; i <= 90; ++i) {
    t.deliver(i, name(i), user(i));
    t.pass(1ms);
  }
  CHECK(t.submitted.empty());
  t.deliver(91, name(91), user(91));
  CHECK(t.running_sessions() == std::vector<std::string>{"s1"});
  CHECK_FALSE(t.running("s1").may_postpone);
  t.deliver(92, name(92), user(92));
  CHECK(t.is_running("s2"));
}

TEST_CASE("room: no more jobs than the job room, and not more than the loader asked for") {
  auto o = scene::at_once();
  o.turns.max_jobs = 8;
  scene t{o};
  deliver_many(t, 50);
  CHECK(t.d->running() == 8);
  CHECK(t.d->waiting() == 42);
  scene slow{scene::at_once(), false};
  slow.d->loader_demand(3, slow.now);
  deliver_many(slow, 50);
  CHECK(slow.d->running() == 3);
  slow.d->loader_demand(2, slow.now);
  CHECK(slow.d->running() == 5);
}

TEST_CASE("room: one user's flood does not keep the others waiting") {
  auto o = scene::at_once();
  o.turns.max_jobs = 16;
  scene t{o};
  for (int i = 1; i <= 1'000; ++i) t.deliver(i, std::string{"flood"}.append(std::to_string(i)), "flooder");
  CHECK(t.d->running() == 4);
  for (int i = 1'001; i <= 1'008; ++i) t.deliver(i, name(i), user(i));
  for (int i = 1'001; i <= 1'008; ++i) CHECK(t.is_running(name(i)));
  CHECK(t.d->running() == 12);
}

TEST_CASE("room: a held job that may go on again respects its user's share") {
  auto o = scene::at_once();
  scene t{o};
  t.deliver(1, "first", "u");
  t.fail("first", stage::analyse, errc::overloaded);
  t.deliver(2, "second", "u");
  CHECK(t.is_running("second"));
  t.pass(10s);
  CHECK_FALSE(t.is_running("first"));
  t.commit("second");
  CHECK(t.is_running("first"));
}

// Held jobs that were due and could not start made next_due() say "now" for ever: a busy loop.
TEST_CASE("room: what is due but has no room to run keeps nobody awake") {
  auto o = scene::at_once();
  o.turns.max_jobs = 1;
  scene t{o};
  t.deliver(1, "a", "a");
  t.deliver(2, "b", "b");
  t.fail("a", stage::analyse, errc::overloaded);
  REQUIRE(t.is_running("b"));
  t.pass(1min);
  t.d->tick(t.now);
  CHECK(t.d->next_due(t.now) == t.now + 1s);
  t.commit("b");
  CHECK(t.is_running("a"));
}

TEST_CASE("room: fifty thousand windows open, merge, close, are held through an outage and given back") {
  auto o = scene::defaults();
  o.window_room = 200'000;
  scene t{o};
  constexpr int many = 50'000;
  const auto deliver_all = [&](int64_t base) {
    for (int i = 0; i < many; ++i) t.deliver(base + i, name(i), user(i / 100));
  };
  deliver_all(0);
  deliver_all(many);
  CHECK(t.d->open_windows() == many);
  CHECK(t.d->deliveries() == 2 * many);
  t.confirm();
  CHECK(t.d->deliveries() == many);
  t.d->stage_lost(stage::load, 0, true, t.now);
  t.pass(61s);
  CHECK(t.d->waiting() == many);
  t.pass(11min);
  t.confirm();
  CHECK(t.d->idle());
  std::map<std::string, int> outcomes;
  for (const auto& s : t.settlements) ++outcomes[std::string{to_string(s.what)}];
  CHECK(outcomes == std::map<std::string, int>{{"complete", many}, {"release", many}});
}

TEST_CASE("with more jobs allowed, what waited for its turn starts; what runs goes on") {
  auto o = scene::at_once();
  o.turns.max_jobs = 2;
  scene s{o};
  for (int i = 0; i < 6; ++i) s.deliver(i, "s" + std::to_string(i), "user-" + std::to_string(i));
  CHECK(s.d->running() == 2);
  o.turns.max_jobs = 5;
  s.d->set_options(o, s.now);
  CHECK(s.d->running() == 5);
  o.turns.max_jobs = 1;
  s.d->set_options(o, s.now);
  CHECK(s.d->running() == 5);
  for (const auto& session : s.running_sessions()) s.commit(session);
  CHECK(s.d->running() == 1);
}

TEST_CASE("with a shorter quiet time a conversation that waits is analysed after it") {
  scene s;
  s.deliver(1, "s");
  auto o = scene::defaults();
  o.windows.quiet = 5s;
  s.d->set_options(o, s.now);
  CHECK_FALSE(s.is_running("s"));
  s.pass(5s);
  CHECK(s.is_running("s"));
}

TEST_CASE("more room is granted as credit, less room takes none back") {
  auto o = scene::defaults();
  o.window_room = 100;
  scene s{o};
  s.trust();
  CHECK(s.d->take_grant() == 100);
  o.window_room = 300;
  s.d->set_options(o, s.now);
  CHECK(s.d->take_grant() == 200);
  o.window_room = 10;
  s.d->set_options(o, s.now);
  CHECK(s.d->take_grant() == 0);
}
