// Dependencies that fail: breakers, probes, holding, giving back.
#include <doctest/doctest.h>

#include "protocol/flow/dispatch.hpp"
#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

namespace {

/// The LLM is down for this long; every attempt fails at once.
void llm_outage(scene& t, duration time) {
  for (const auto end = t.now + time; t.now < end;) {
    fail_all(t, stage::analyse, errc::overloaded);
    t.pass(1s);
  }
}

}  // namespace

TEST_CASE("outage: intake is closed until the loader takes jobs for the first time") {
  scene t{scene::defaults(), false};
  CHECK_FALSE(t.d->intake_open());
  CHECK(t.d->take_grant() == 0);
  t.d->loader_demand(10, t.now);
  CHECK(t.intakes == std::vector<bool>{true});
  CHECK(t.d->take_grant() > 0);
}

TEST_CASE("outage: Redis is lost: intake closes, jobs wait, and everything goes on when it is back") {
  scene t{scene::at_once()};
  deliver_many(t, 10);
  CHECK(t.d->running() == 10);
  t.d->stage_lost(stage::load, 0, true, t.now);
  CHECK_FALSE(t.d->intake_open());
  CHECK(t.noted(note::breaker_opened) == 1);
  CHECK(t.d->running() == 0);
  CHECK(t.d->held() == 10);
  t.deliver(11, "late", "late");
  t.pass(1min);
  CHECK(t.d->running() == 0);
  CHECK(t.settlements.empty());
  t.d->loader_demand(1'000, t.now);
  CHECK(t.d->intake_open());
  CHECK(t.d->running() == 11);
  commit_all(t);
  CHECK_FALSE(any_dead_letter(t));
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("outage: what waits for a lost Redis is given back after the hold limit, not kept for ever") {
  scene t{scene::at_once()};
  deliver_many(t, 3);
  t.d->stage_lost(stage::load, 0, true, t.now);
  t.deliver(4, "new", "new");
  t.pass(9min);
  CHECK(t.settlements.empty());
  t.pass(2min);
  for (int i = 1; i <= 4; ++i) CHECK(t.outcome(i) == "release dependency-down");
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("outage: the breaker opens after failures of distinct jobs, not of one") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  for (int i = 0; i < 20; ++i) {
    t.fail("s", stage::analyse, errc::overloaded);
    t.pass(6s);
  }
  CHECK(t.d->intake_open());
  deliver_many(t, 5);
  fail_all(t, stage::analyse, errc::overloaded);
  CHECK(t.d->breaker_of(dependency::llm).is_open());
  CHECK_FALSE(t.d->intake_open());
}

TEST_CASE("outage: while a breaker is open one job probes, at most every five seconds") {
  scene t{scene::at_once()};
  deliver_many(t, 40);
  fail_all(t, stage::analyse, errc::overloaded);
  REQUIRE(t.d->breaker_of(dependency::llm).is_open());
  const size_t before = t.submitted.size();
  llm_outage(t, 60s);
  const size_t probes = t.submitted.size() - before;
  CHECK(probes >= 8);
  CHECK(probes <= 12);
  CHECK(t.settlements.empty());
}

TEST_CASE("outage: a refusal of everybody (401) is probed slowly and holds like an outage") {
  scene t{scene::at_once()};
  deliver_many(t, 40);
  fail_all(t, stage::analyse, errc::unauthorized);
  REQUIRE_FALSE(t.d->intake_open());
  const size_t before = t.submitted.size();
  for (int i = 0; i < 120; ++i) {
    fail_all(t, stage::analyse, errc::unauthorized);
    t.pass(1s);
  }
  CHECK(t.submitted.size() - before >= 3);
  CHECK(t.submitted.size() - before <= 4);
  CHECK(t.settlements.empty());
}

TEST_CASE("outage: full rate is back within ten seconds of recovery, from half by slow start") {
  auto o = scene::at_once();
  o.turns.max_jobs = 40;
  scene t{o};
  deliver_many(t, 200);
  CHECK(t.d->running() == 40);
  llm_outage(t, 5min);
  const auto recovered = t.now;
  while (t.d->breaker_of(dependency::llm).is_open()) {
    commit_all(t);
    t.pass(1s);
    REQUIRE(t.now <= recovered + 7s);
  }
  CHECK(t.d->intake_open());
  CHECK(t.intakes.back());
  CHECK(t.d->running() <= 21);
  commit_all(t);
  CHECK(t.d->running() == 40);
  while (t.d->running() > 0) commit_all(t);
  CHECK_FALSE(any_dead_letter(t));
  CHECK(t.settlements.size() == 200);
}

TEST_CASE("outage: new options do not end the slow start after it") {
  auto o = scene::at_once();
  o.turns.max_jobs = 40;
  scene t{o};
  deliver_many(t, 200);
  llm_outage(t, 5min);
  while (t.d->breaker_of(dependency::llm).is_open()) {
    commit_all(t);
    t.pass(1s);
  }
  t.d->set_options(o, t.now);
  CHECK(t.d->running() <= 21);
  commit_all(t);
  CHECK(t.d->running() == 40);
}

// An answer from before the outage must not make the outage look like a fault of the jobs that suffer from
// it.
TEST_CASE("outage: a success just after the first failure does not get anybody dead-lettered") {
  scene t{scene::at_once()};
  deliver_many(t, 12);
  t.fail("s1", stage::analyse, errc::timed_out);
  t.commit("s12");
  fail_all(t, stage::analyse, errc::timed_out);
  for (const auto end = t.now + 9min; t.now < end;) {
    fail_all(t, stage::analyse, errc::timed_out);
    t.pass(1s);
  }
  CHECK_FALSE(any_dead_letter(t));
  CHECK(t.settlements.size() == 1);
}

TEST_CASE("outage: jobs that were loaded before it and fail later do not prove that loading works") {
  scene t{scene::at_once()};
  deliver_many(t, 40);
  for (int i = 3; i <= 40; ++i) t.enter(name(i), stage::commit);
  const auto end = t.now + 8min;
  for (int i = 3; t.now < end; ++i) {
    for (int k : {1, 2})
      if (t.is_running(name(k))) t.fail(name(k), stage::load, errc::timed_out);
    t.pass(1s);
    if (i <= 40) t.fail(name(i), stage::commit, errc::throttled, 10min);
    t.pass(5s);
  }
  CHECK(t.outcome(1).empty());
  CHECK(t.outcome(2).empty());
}

// Reads that work said "healthy for others" about writes that did not.
TEST_CASE("outage: a memory store that reads but refuses writes dead-letters nothing") {
  scene t{scene::at_once()};
  deliver_many(t, 4);
  int64_t sequence = 100;
  for (const auto end = t.now + 9min; t.now < end;) {
    fail_all(t, stage::commit, errc::overloaded);
    t.deliver(++sequence, "covered", "reader");
    if (t.is_running("covered")) t.finish(t.running("covered"), job_end::covered, 0);
    t.pass(1s);
  }
  CHECK_FALSE(any_dead_letter(t));
}

TEST_CASE("outage: reads that work do not close the breaker that refused writes have opened") {
  scene t{scene::at_once()};
  t.deliver(100, "reader", "reader", 1);
  for (int i = 1; i <= 5; ++i) {
    t.deliver(i, name(i), user(i));
    t.fail(name(i), stage::commit, errc::overloaded);
  }
  REQUIRE(t.d->breaker_of(dependency::memory).is_open());
  t.commit("reader");
  t.pass(5s);
  for (const auto& session : t.running_sessions()) t.finish(t.running(session), job_end::covered, 0);
  CHECK(t.d->breaker_of(dependency::memory).is_open());
  t.pass(5s);
  commit_all(t);
  CHECK_FALSE(t.d->breaker_of(dependency::memory).is_open());
}

TEST_CASE("outage: what was told to wait is not taken for a probe, nor woken by the recovery") {
  scene t{scene::at_once()};
  t.deliver(100, "told-to-wait", "patient");
  t.fail("told-to-wait", stage::analyse, errc::throttled, 5min);
  deliver_many(t, 6);
  fail_all(t, stage::analyse, errc::overloaded);
  REQUIRE_FALSE(t.d->intake_open());
  for (int i = 0; i < 100; ++i) {
    CHECK_FALSE(t.is_running("told-to-wait"));
    fail_all(t, stage::analyse, errc::overloaded);
    t.pass(1s);
  }
  while (!t.d->intake_open()) {
    commit_all(t);
    t.pass(1s);
  }
  CHECK_FALSE(t.is_running("told-to-wait"));
  t.pass(4min);
  CHECK(t.is_running("told-to-wait"));
}

TEST_CASE("outage: where only what was told to wait is left, a cheap call probes") {
  scene t{scene::at_once()};
  t.deliver(1, "told-to-wait");
  t.fail("told-to-wait", stage::analyse, errc::throttled, 5min);
  t.d->probed(dependency::llm, false, t.now);
  t.pass(1min);
  CHECK(t.submitted.size() == 1);
  CHECK(t.probes.size() >= 10);
}

TEST_CASE("outage: a part that was stored begins the time of holding anew") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  const auto suffer = [&](duration time) {
    for (const auto end = t.now + time; t.now < end && t.outcome(1).empty();) {
      fail_all(t, stage::analyse, errc::overloaded);
      t.pass(1s);
    }
  };
  suffer(9min);
  t.pass(10s);
  t.finish(t.running("s"), job_end::partial);
  suffer(9min);
  CHECK(t.outcome(1).empty());
  suffer(2min);
  CHECK(t.outcome(1) == "release dependency-down");
}

TEST_CASE("outage: with too few jobs for a breaker, each notices within seconds that all is well again") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  for (const auto end = t.now + 5min; t.now < end;) {
    fail_all(t, stage::analyse, errc::overloaded);
    t.pass(1s);
  }
  t.pass(6s);
  CHECK(t.is_running("s"));
}

TEST_CASE("outage: stragglers that fail after the recovery do not open the breaker again") {
  scene t{scene::at_once()};
  deliver_many(t, 30);
  for (int i = 1; i <= 6; ++i) t.fail(name(i), stage::analyse, errc::timed_out);
  REQUIRE_FALSE(t.d->intake_open());
  t.pass(5s);
  for (int i = 1; i <= 6; ++i)
    if (t.is_running(name(i))) t.commit(name(i));
  REQUIRE(t.d->intake_open());
  for (int i = 7; i <= 30; ++i) t.fail(name(i), stage::analyse, errc::timed_out);
  CHECK(t.d->intake_open());
}

TEST_CASE("outage: an answer that was on its way before it does not close the breaker") {
  scene t{scene::at_once()};
  deliver_many(t, 10);
  for (int i = 1; i <= 6; ++i) t.fail(name(i), stage::analyse, errc::timed_out);
  REQUIRE(t.d->breaker_of(dependency::llm).is_open());
  t.commit("s9");
  CHECK(t.d->breaker_of(dependency::llm).is_open());
}

TEST_CASE("outage: past the hold limit everything is given back, uncounted and never dead-lettered") {
  scene t{scene::at_once()};
  deliver_many(t, 60);
  llm_outage(t, 11min);
  for (int i = 1; i <= 60; ++i) CHECK(t.outcome(i) == "release dependency-down");
  t.confirm();
  CHECK(t.d->idle());
  CHECK_FALSE(t.d->intake_open());
}

TEST_CASE(
    "outage: with no job left the dependency is probed by a cheap call, and its success opens the intake") {
  scene t{scene::at_once()};
  deliver_many(t, 6);
  llm_outage(t, 11min);
  t.confirm();
  REQUIRE(t.d->idle());
  t.probes.clear();
  t.pass(60s);
  CHECK(t.probes.size() >= 10);
  CHECK(t.probes.size() <= 12);
  CHECK(t.probes[0] == dependency::llm);
  t.d->probed(dependency::llm, false, t.now);
  CHECK_FALSE(t.d->intake_open());
  t.d->probed(dependency::llm, true, t.now);
  CHECK(t.d->intake_open());
  CHECK(t.noted(note::breaker_closed) == 1);
}

TEST_CASE("outage: a probe that fails on a closed breaker opens it") {
  scene t;
  t.d->probed(dependency::llm, false, t.now);
  CHECK_FALSE(t.d->intake_open());
  CHECK(t.noted(note::breaker_opened) == 1);
}

TEST_CASE("outage: throttling is held as long as the peer says, opens no breaker, dead-letters nothing") {
  scene t{scene::at_once()};
  deliver_many(t, 20);
  for (const auto& session : t.running_sessions()) t.fail(session, stage::analyse, errc::throttled, 90s);
  CHECK(t.d->intake_open());
  t.pass(89s);
  CHECK(t.d->running() == 0);
  t.pass(40s);
  CHECK(t.d->running() == 20);
  for (int i = 0; i < 60; ++i) {
    for (const auto& session : t.running_sessions()) t.fail(session, stage::analyse, errc::throttled);
    t.deliver(1000 + i, std::string{"ok"}.append(std::to_string(i)), "ok");
    t.commit(std::string{"ok"}.append(std::to_string(i)));
    t.pass(20s);
  }
  for (int i = 1; i <= 20; ++i) CHECK(t.outcome(i) == "release throttled");
}
