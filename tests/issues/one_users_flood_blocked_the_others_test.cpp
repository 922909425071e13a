// Two thousand conversations of one user, without windows: another user's event waited for an hour and a half
// behind them while eight of ten slots were idle.
#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

namespace {

/// A broker that delivers in its order against credit, and jobs of two seconds.
struct queue {
  explicit queue(dispatch_options o) : t(o) {}
  void put(std::string session, std::string of, uint32_t count = 0) {
    waiting.push_back({std::move(session), std::move(of), count});
  }
  /// A step of two seconds: what was running ends, what is granted is delivered.
  void step() {
    t.pass(2s);
    commit_all(t);
    t.confirm();
    for (credit += t.d->take_grant(); credit > 0 && next < waiting.size(); credit += t.d->take_grant()) {
      const auto& e = waiting[next++];
      --credit;
      t.deliver(static_cast<int64_t>(next), e.session, e.user, e.count);
    }
  }
  bool is_done(size_t place) const { return !t.outcome(static_cast<int64_t>(place)).empty(); }

  struct event {
    std::string session, user;
    uint32_t count;
  };
  std::vector<event> waiting;
  size_t next = 0;
  uint32_t credit = 0;
  scene t;
};

dispatch_options ten_jobs() {
  auto o = scene::at_once();
  o.turns.max_jobs = 10;
  return o;
}

void flood(queue& q, int sessions, uint32_t count = 0) {
  for (int i = 0; i < sessions; ++i) q.put(name(i), "flooder", count);
}

}  // namespace

TEST_CASE("another user's event behind a flood of one user is analysed within a few rounds") {
  queue q{ten_jobs()};
  flood(q, 2'000);
  q.put("quick", "other");
  int steps = 0;
  for (; !q.is_done(2'001) && steps < 1'000; ++steps) q.step();
  CHECK(steps <= 5);
}

TEST_CASE("after a crash in a flood the others wait for some jobs of it, not for all") {
  queue q{ten_jobs()};
  flood(q, 2'000, 1);
  q.put("quick", "other");
  int steps = 0;
  for (; !q.is_done(2'001) && steps < 1'000; ++steps) q.step();
  CHECK(steps <= 60);
}

TEST_CASE("a user alone may have more than his share of the jobs") {
  auto o = ten_jobs();
  o.turns.jobs_per_user = 8;
  scene t{o};
  for (int i = 1; i <= 50; ++i) t.deliver(i, name(i), "alone");
  CHECK(t.d->running() == 8);
}

TEST_CASE("while others wait the free slots are theirs") {
  auto o = ten_jobs();
  o.turns.jobs_per_user = 8;
  scene t{o};
  for (int i = 1; i <= 50; ++i) t.deliver(i, name(i), "flooder");
  for (int i = 51; i <= 60; ++i) t.deliver(i, name(i), user(i));
  CHECK(t.d->running() == 10);
  commit_all(t);
  size_t of_flooder = 0;
  for (const auto& session : t.running_sessions())
    of_flooder += t.running(session).ids.user() == "flooder" ? 1 : 0;
  CHECK(of_flooder <= 2);
  CHECK(t.d->running() == 10);
}

TEST_CASE("a user's windows beyond his part of the window room close at once, the others' stay open") {
  auto o = scene::defaults();
  o.window_room = 400;
  scene t{o};
  for (int i = 1; i <= 50; ++i) t.deliver(i, name(i), user(i));
  for (int i = 101; i <= 300; ++i) t.deliver(i, name(i), "flooder");
  CHECK(t.d->open_windows() == 150);
  CHECK(t.d->waiting() + t.d->running() == 100);
}
