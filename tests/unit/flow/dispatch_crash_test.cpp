// Actors that die, jobs that vanish, deliveries near their last, shutdown.
#include <doctest/doctest.h>

#include "protocol/flow/dispatch.hpp"
#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

namespace {

/// The analyzer dies; this session's job was the culprit (empty: nobody knows).
void analyzer_dies(scene& t, const std::string& culprit) {
  t.d->stage_lost(stage::analyse, culprit.empty() ? 0 : t.running(culprit).id, false, t.now);
}

void all_in_analyzer(scene& t) {
  for (const auto& session : t.running_sessions()) t.enter(session, stage::analyse);
}

}  // namespace

TEST_CASE("crash: the culprit is abandoned, the others in the stage are submitted again, the rest goes on") {
  scene t{scene::at_once()};
  t.deliver(1, "bad", "a");
  t.deliver(2, "inside", "b");
  t.deliver(3, "writing", "c");
  all_in_analyzer(t);
  t.enter("writing", stage::commit);
  analyzer_dies(t, "bad");
  CHECK(t.outcome(1) == "abandon crashed");
  CHECK_FALSE(t.is_running("bad"));
  CHECK(t.running("inside").attempt == 2);
  CHECK(t.running("writing").attempt == 1);
  t.commit("inside");
  t.commit("writing");
  CHECK(t.outcome(2) == "complete committed");
  CHECK(t.outcome(3) == "complete committed");
}

TEST_CASE("crash: the third one of the same delivery dead-letters it") {
  scene t{scene::at_once()};
  for (uint32_t count = 0; count < 3; ++count) {
    t.deliver(1, "bad", "a", count);
    all_in_analyzer(t);
    analyzer_dies(t, "bad");
    CHECK(t.outcome(1) == (count < 2 ? "abandon crashed" : "dead-letter crashed-worker"));
    t.confirm();
  }
  CHECK(t.d->idle());
}

TEST_CASE("crash: on the last delivery the broker would grant it is dead-lettered with our reason") {
  scene t{scene::at_once()};
  t.deliver(1, "bad", "a", 9);
  all_in_analyzer(t);
  analyzer_dies(t, "bad");
  CHECK(t.outcome(1) == "dead-letter crashed-worker");
}

TEST_CASE("crash: a redelivery while the job runs tells how near the last delivery is") {
  scene t{scene::at_once()};
  t.deliver(1, "bad", "a");
  t.deliver(1, "bad", "a", 9);
  all_in_analyzer(t);
  analyzer_dies(t, "bad");
  CHECK(t.outcome(1) == "dead-letter crashed-worker");
}

TEST_CASE("crash: an outage of a dependency is never charged to a job") {
  scene t{scene::at_once()};
  for (int i = 1; i <= 3; ++i)
    t.deliver(i, std::string{"s"}.append(std::to_string(i)), std::string{"u"}.append(std::to_string(i)));
  for (int i = 0; i < 10; ++i) {
    t.d->stage_lost(stage::load, 0, true, t.now);
    t.d->loader_demand(100, t.now);
  }
  CHECK(t.settlements.empty());
  CHECK(t.d->running() == 3);
}

TEST_CASE("crash: with an unknown culprit the suspects run one at a time, beside the rest") {
  scene t{scene::at_once()};
  t.deliver(1, "a", "a");
  t.deliver(2, "b", "b");
  t.deliver(3, "c", "c");
  all_in_analyzer(t);
  analyzer_dies(t, "");
  CHECK(t.settlements.empty());
  CHECK(t.d->running() == 1);
  t.deliver(4, "d", "d");
  t.deliver(5, "e", "e");
  CHECK(t.d->running() == 3);
  for (int i = 0; i < 3; ++i) {
    int suspects = 0;
    for (const auto& session : t.running_sessions())
      if (session < "d") {
        ++suspects;
        t.commit(session);
      }
    CHECK(suspects == 1);
  }
  CHECK(t.d->held() == 0);
  for (int i = 1; i <= 3; ++i) CHECK(t.outcome(i) == "complete committed");
}

TEST_CASE("crash: the only suspect in a stage that dies again is the culprit") {
  scene t{scene::at_once()};
  t.deliver(1, "a", "a");
  t.deliver(2, "b", "b");
  all_in_analyzer(t);
  analyzer_dies(t, "");
  const auto suspect = t.running_sessions().at(0);
  t.deliver(3, "innocent", "c");
  all_in_analyzer(t);
  analyzer_dies(t, "");
  CHECK(t.outcome(suspect == "a" ? 1 : 2) == "abandon crashed");
  CHECK(t.outcome(3).empty());
  CHECK(t.running("innocent").attempt == 2);
}

TEST_CASE("crash: another job's crash does not let a second suspect run") {
  scene t{scene::at_once()};
  t.deliver(1, "a", "a");
  t.deliver(2, "b", "b");
  all_in_analyzer(t);
  analyzer_dies(t, "");
  REQUIRE(t.d->running() == 1);
  const auto suspect = t.running_sessions().at(0);
  t.enter(suspect, stage::commit);
  t.deliver(3, "c", "c");
  t.enter("c", stage::analyse);
  analyzer_dies(t, "");
  CHECK(t.running_sessions() == std::vector<std::string>{suspect});
}

TEST_CASE("crash: a job handed to a stage that died before it could say so is submitted again") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  const auto first = t.running("s");
  analyzer_dies(t, "");
  CHECK(t.running("s").attempt == first.attempt + 1);
}

TEST_CASE("crash: reports of stages that arrive out of their order do not lead back") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.enter("s", stage::commit);
  t.enter("s", stage::analyse);
  analyzer_dies(t, "");
  CHECK(t.running("s").attempt == 1);
}

TEST_CASE("crash: the demand of a loader that died is void") {
  scene t{scene::at_once()};
  deliver_many(t, 5);
  t.d->stage_lost(stage::load, t.running("s1").id, false, t.now);
  CHECK(t.d->running() == 0);
  t.d->loader_demand(2, t.now);
  CHECK(t.d->running() == 2);
}

TEST_CASE("crash: a culprit is charged wherever the ledger believed it to be") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.d->stage_lost(stage::commit, t.running("s").id, false, t.now);
  CHECK(t.outcome(1) == "abandon crashed");
}

TEST_CASE("deadline: a job that vanished is found, submitted again, its late answer ignored") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.enter("s", stage::analyse);
  const auto first = t.running("s");
  t.pass(4min + 59s);
  CHECK(t.running("s").attempt == 1);
  t.pass(10s);
  REQUIRE(t.is_running("s"));
  CHECK(t.running("s").attempt == 2);
  t.commit(first);
  CHECK(t.outcome(1).empty());
}

TEST_CASE("suspect: a delivery near the configured maximum runs alone among its like") {
  scene t{scene::at_once()};
  t.deliver(1, "a", "a", 8);
  t.deliver(2, "b", "b", 9);
  t.deliver(3, "c", "c", 7);
  CHECK(t.running_sessions() == std::vector<std::string>{"a", "c"});
  t.commit("a");
  CHECK(t.is_running("b"));
}

TEST_CASE("suspect: a redelivery that comes near the maximum moves its waiting window among the suspects") {
  auto o = scene::at_once();
  o.turns.max_jobs = 1;
  scene t{o};
  t.deliver(1, "first", "a");
  t.deliver(2, "x", "x", 8);
  t.deliver(3, "y", "y");
  t.deliver(3, "y", "y", 8);
  CHECK(t.d->waiting() == 2);
  t.commit("first");
  CHECK(t.running_sessions() == std::vector<std::string>{"x"});
  t.commit("x");
  CHECK(t.running_sessions() == std::vector<std::string>{"y"});
  t.commit("y");
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("suspect: an outage does not dead-letter a delivery near its maximum") {
  scene t{scene::at_once()};
  t.deliver(1, "a", "a", 9);
  for (int i = 0; i < 100 && t.outcome(1).empty(); ++i) {
    if (t.is_running("a")) t.fail("a", stage::analyse, errc::unreachable);
    t.pass(10s);
  }
  CHECK(t.outcome(1) == "release dependency-down");
}

TEST_CASE("released: one that comes back with a higher count raises an alarm, and we hold longer") {
  scene t{scene::at_once()};
  const auto hold_until_released = [&](int64_t sequence, duration most) {
    const auto began = t.now;
    while (t.outcome(sequence).empty() && t.now < began + most) {
      for (const auto& session : t.running_sessions()) t.fail(session, stage::analyse, errc::unreachable);
      t.pass(5s);
    }
    return t.now - began;
  };
  t.deliver(1, "a", "a", 1);
  CHECK(hold_until_released(1, 20min) < 11min);
  t.confirm();
  t.deliver(1, "a", "a", 1);
  CHECK(t.noted(note::redelivery_count_rose) == 0);
  t.settlements.clear();
  hold_until_released(1, 20min);
  t.confirm();
  t.settlements.clear();
  t.deliver(1, "a", "a", 2);
  CHECK(t.noted(note::redelivery_count_rose) == 1);
  SUBCASE("windows that wait for an outage's end as well") {
    t.d->stage_lost(stage::load, 0, true, t.now);
    t.deliver(3, "waiting", "c");
    t.pass(50min);
    CHECK(t.outcome(3).empty());
    t.pass(15min);
    CHECK(t.outcome(3) == "release dependency-down");
    return;
  }
  t.deliver(2, "last", "b", 9);
  CHECK(hold_until_released(1, 2h) > 59min);
  CHECK(t.outcome(1) == "release dependency-down");
  hold_until_released(2, 5h);
  CHECK(t.outcome(2).empty());
}

TEST_CASE("drain: windows are given back, running jobs finish, then it is idle") {
  scene t;
  t.deliver(1, "running", "a", 1);
  t.deliver(2, "window", "b");
  t.deliver(3, "ready", "a", 1);
  REQUIRE(t.running_sessions() == std::vector<std::string>{"running"});
  t.d->drain(t.now);
  CHECK_FALSE(t.d->intake_open());
  CHECK(t.d->take_grant() == 0);
  CHECK(t.outcome(2) == "release shutdown");
  CHECK(t.outcome(3) == "release shutdown");
  CHECK(t.outcome(1).empty());
  t.deliver(4, "late", "c");
  CHECK(t.outcome(4) == "release shutdown");
  t.commit("running");
  CHECK(t.outcome(1) == "complete committed");
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("drain: what waits for a dependency is given back, what has more to do goes on") {
  scene t{scene::at_once()};
  t.deliver(1, "held", "a");
  t.deliver(2, "partial", "b");
  t.fail("held", stage::analyse, errc::overloaded);
  t.d->drain(t.now);
  CHECK(t.outcome(1) == "release shutdown");
  t.finish(t.running("partial"), job_end::partial);
  REQUIRE(t.is_running("partial"));
  t.fail("partial", stage::analyse, errc::overloaded);
  CHECK(t.outcome(2) == "release shutdown");
  t.confirm();
  CHECK(t.d->idle());
}

// Its window was opened again and nobody closed it: the drain never came to its end.
TEST_CASE("drain: a job that says postponed is given back") {
  scene t;
  t.deliver(1, "s");
  t.pass(60s);
  t.d->drain(t.now);
  t.finish(t.running("s"), job_end::postponed, 0);
  CHECK(t.outcome(1) == "release shutdown");
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("abort: everything that is left is given back") {
  scene t;
  t.deliver(1, "running", "a", 1);
  t.deliver(2, "window", "b");
  t.d->abort(t.now);
  CHECK(t.outcome(1) == "release shutdown");
  CHECK(t.outcome(2) == "release shutdown");
  t.confirm();
  CHECK(t.d->idle());
}
