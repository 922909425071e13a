// One delivery's way through the ledger: windows, coverage, redeliveries, settlements.
#include "protocol/flow/dispatch.hpp"

#include <doctest/doctest.h>

#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

TEST_CASE("dispatch: an event waits for quiet, is analysed, completed, and nothing is left of it") {
  scene t;
  t.deliver(1, "s");
  t.pass(59s);
  CHECK(t.submitted.empty());
  t.pass(1s);
  REQUIRE(t.is_running("s"));
  CHECK(t.running("s").sequence_number == 1);
  CHECK(t.running("s").may_postpone);
  CHECK(t.outcome(1).empty());
  t.commit("s");
  CHECK(t.outcome(1) == "complete committed");
  CHECK_FALSE(t.d->idle());
  t.confirm();
  CHECK(t.d->idle());
  CHECK(t.d->deliveries() == 0);
  CHECK(t.forgotten.size() == 1);
}

TEST_CASE("dispatch: covered and forgotten complete the delivery as well") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.finish(t.running("s"), job_end::covered, 0);
  t.deliver(2, "t");
  t.finish(t.running("t"), job_end::forgotten, 0);
  CHECK(t.outcome(1) == "complete covered");
  CHECK(t.outcome(2) == "complete forgotten");
}

TEST_CASE("dispatch: a newer event completes the older one at once and takes its place") {
  scene t;
  t.deliver(1, "s");
  t.deliver(2, "s");
  CHECK(t.outcome(1) == "complete covered");
  t.pass(60s);
  CHECK(t.running("s").sequence_number == 2);
  CHECK(t.running("s").ids.chat_message() == "m2");
}

TEST_CASE("dispatch: a newer event while the job runs belongs to the next window") {
  scene t;
  t.deliver(1, "s");
  t.pass(60s);
  t.deliver(2, "s");
  CHECK(t.outcome(1).empty());
  t.pass(2min);
  CHECK(t.submitted.size() == 1);
  t.commit("s");
  CHECK(t.outcome(1) == "complete committed");
  CHECK(t.outcome(2).empty());
  CHECK(t.running("s").sequence_number == 2);
  CHECK(t.d->running() == 1);
}

TEST_CASE("dispatch: an older event while the newer one's job runs is covered") {
  scene t{scene::at_once()};
  t.deliver(5, "s");
  t.deliver(3, "s", "u", 2);
  CHECK(t.outcome(3) == "complete covered");
  CHECK(t.submitted.size() == 1);
}

TEST_CASE("dispatch: a redelivery joins the running job and brings its new lock") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.deliver(1, "s", "u", 1);
  CHECK(t.submitted.size() == 1);
  const auto unsettled = t.d->unsettled();
  REQUIRE(unsettled.size() == 1);
  CHECK(unsettled[0].second.token[0] == 1);
  t.commit("s");
  CHECK(t.outcome(1) == "complete committed");
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("dispatch: a redelivery of what waits in a window closes it") {
  scene t;
  t.deliver(1, "s");
  t.deliver(1, "s", "u", 1);
  REQUIRE(t.is_running("s"));
  CHECK_FALSE(t.running("s").may_postpone);
}

TEST_CASE("dispatch: postponed where the window cannot open again, the job waits and is not lost") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  const auto first = t.running("s");
  CHECK_FALSE(first.may_postpone);
  job_result r;
  r.id = first.id;
  r.attempt = first.attempt;
  r.end = job_end::postponed;
  r.postpone_ms = 2'000;
  t.d->finished(r, t.now);
  t.pass(1s);
  CHECK(t.d->running() == 0);
  t.pass(1s);
  CHECK(t.d->running() == 1);
  CHECK(t.running("s").attempt == first.attempt + 1);
  CHECK(t.outcome(1).empty());
  r.attempt = t.running("s").attempt;
  SUBCASE("and goes on") {
    t.commit("s");
    CHECK(t.outcome(1) == "complete committed");
  }
  SUBCASE("but not through a shutdown") {
    t.d->drain(t.now);
    t.d->finished(r, t.now);
    CHECK(t.outcome(1) == "release shutdown");
  }
}

TEST_CASE("dispatch: late answers of an older attempt, and of jobs long gone, are ignored") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  const auto first = t.running("s");
  t.fail("s", stage::load, errc::timed_out);
  t.commit(first);
  CHECK(t.outcome(1).empty());
  t.pass(10s);
  const auto second = t.running("s");
  CHECK(second.attempt == first.attempt + 1);
  t.commit(first);
  t.d->entered(first.id, first.attempt, stage::commit, t.now);
  CHECK(t.outcome(1).empty());
  t.commit(second);
  CHECK(t.outcome(1) == "complete committed");
  t.commit(second);
  CHECK(t.settlements.size() == 1);
}

TEST_CASE("dispatch: a part is stored, the rest follows, and only the end completes") {
  scene t;
  t.deliver(1, "s");
  t.pass(60s);
  job_result part;
  part.id = t.running("s").id;
  part.attempt = 1;
  part.end = job_end::partial;
  part.calls_used = 3;
  part.max_fresh_messages = 12;
  t.d->finished(part, t.now);
  CHECK(t.outcome(1).empty());
  REQUIRE(t.is_running("s"));
  CHECK(t.running("s").attempt == 2);
  CHECK(t.running("s").max_fresh_messages == 12);
  CHECK(t.running("s").calls_used == 3);
  CHECK_FALSE(t.running("s").may_postpone);
  CHECK(t.forgotten.empty());
  t.commit("s");
  CHECK(t.outcome(1) == "complete committed");
}

TEST_CASE("dispatch: what the analysis has cost and how far it was cut is not forgotten by a failure") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  job_result r;
  r.id = t.running("s").id;
  r.attempt = 1;
  r.at = stage::analyse;
  r.error = fail(dependency::llm, errc::throttled, "later");
  r.calls_used = 3;
  r.max_fresh_messages = 12;
  t.d->finished(r, t.now);
  t.pass(40s);
  CHECK(t.running("s").calls_used == 3);
  CHECK(t.running("s").max_fresh_messages == 12);
  r = {};
  r.id = t.running("s").id;
  r.attempt = 2;
  r.error = fail(dependency::redis, errc::timed_out, "knows nothing of calls");
  t.d->finished(r, t.now);
  t.pass(40s);
  CHECK(t.running("s").calls_used == 3);
  CHECK(t.running("s").max_fresh_messages == 12);
}

TEST_CASE("dispatch: a postponed job's window opens again") {
  scene t;
  t.deliver(1, "s");
  t.pass(60s);
  job_result r;
  r.id = t.running("s").id;
  r.attempt = 1;
  r.end = job_end::postponed;
  r.postpone_ms = 20'000;
  t.d->finished(r, t.now);
  CHECK(t.d->running() == 0);
  CHECK(t.d->open_windows() == 1);
  t.pass(19s);
  CHECK_FALSE(t.is_running("s"));
  t.pass(1s);
  CHECK(t.running("s").sequence_number == 1);
  CHECK(t.running("s").may_postpone);
}

TEST_CASE("dispatch: a conversation that is never quiet is analysed at max-age, not postponed for ever") {
  scene t;
  t.deliver(1, "s");
  t.pass(60s);
  while (t.running("s").may_postpone) {
    job_result r;
    r.id = t.running("s").id;
    r.attempt = t.running("s").attempt;
    r.end = job_end::postponed;
    r.postpone_ms = 50'000;
    t.d->finished(r, t.now);
    t.pass(50s);
    REQUIRE(t.submitted.size() < 20);
  }
  CHECK(t.d->open_windows() == 0);
  t.commit("s");
  CHECK(t.outcome(1) == "complete committed");
}

TEST_CASE("dispatch: postponed while a newer event opened a window: one window, the older is covered") {
  scene t;
  t.deliver(1, "s");
  t.pass(60s);
  t.deliver(2, "s");
  job_result r;
  r.id = t.running("s").id;
  r.attempt = 1;
  r.end = job_end::postponed;
  r.postpone_ms = 20'000;
  t.d->finished(r, t.now);
  CHECK(t.outcome(1) == "complete covered");
  CHECK(t.d->open_windows() == 1);
  CHECK(t.d->running() == 0);
  t.pass(60s);
  CHECK(t.running("s").sequence_number == 2);
}

// The delivery that joined a held job was lost when that job was postponed: only the first one came back.
TEST_CASE("dispatch: a newer event that joined a held job stays when the job is postponed afterwards") {
  scene t;
  t.deliver(1, "s");
  t.pass(60s);
  t.fail("s", stage::load, errc::timed_out);
  t.deliver(2, "s");
  CHECK(t.outcome(1) == "complete covered");
  t.pass(10s);
  CHECK(t.running("s").sequence_number == 2);
  CHECK(t.running("s").ids.chat_message() == "m2");
  t.finish(t.running("s"), job_end::postponed, 0);
  t.pass(1min);
  CHECK(t.running("s").sequence_number == 2);
  t.commit("s");
  CHECK(t.outcome(2) == "complete committed");
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("dispatch: a flush starts a conversation's job at once, and it is not postponed") {
  scene t;
  t.deliver(1, "a", "u");
  t.deliver(2, "b", "v");
  CHECK(t.d->flush("u", "a", t.now) == 1);
  CHECK(t.running_sessions() == std::vector<std::string>{"a"});
  CHECK_FALSE(t.running("a").may_postpone);
  CHECK(t.d->flush("", "", t.now) == 1);
  CHECK(t.is_running("b"));
}

TEST_CASE("dispatch: a flush reaches a job that is just being loaded") {
  scene t;
  t.deliver(1, "s");
  t.pass(60s);
  t.d->flush("u", "", t.now);
  t.finish(t.running("s"), job_end::postponed, 0);
  CHECK_FALSE(t.running("s").may_postpone);
}

TEST_CASE("dispatch: an unreadable event is dead-lettered and says what is wrong") {
  scene t;
  t.d->arrived_unreadable(9, {}, fail(errc::invalid_event, "field userId is missing"));
  CHECK(t.outcome(9) == "dead-letter invalid-event");
  CHECK(t.settlements[0].description == "field userId is missing");
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE(
    "dispatch: a new receiver is told what is unsettled, and every settlement without an answer again") {
  scene t{scene::at_once()};
  t.deliver(1, "a");
  t.deliver(2, "b", "v");
  t.commit("a");
  t.d->receiver_lost();
  t.told.clear();
  CHECK(t.d->unsettled().size() == 2);
  t.d->repeat_settlements();
  REQUIRE(t.told.size() == 1);
  CHECK(t.told[0].sequence_number == 1);
  CHECK(t.told[0].what == action::complete);
  t.confirm();
  CHECK(t.d->unsettled().size() == 1);
  t.d->repeat_settlements();
  CHECK(t.told.empty());
}

TEST_CASE("dispatch: a redelivery of what is settled but not confirmed is settled again under its new lock") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.commit("s");
  t.deliver(1, "s", "u", 1);
  CHECK(t.submitted.size() == 1);
  CHECK(t.settlements.size() == 2);
  CHECK(t.outcome(1) == "complete committed");
  CHECK(t.d->unsettled().at(0).second.token[0] == 1);
}

TEST_CASE("dispatch: a verdict the broker could not be told is repeated when the delivery comes back") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.commit("s");
  t.d->settlement_failed(1);
  CHECK(t.d->deliveries() == 0);
  t.deliver(1, "s", "u", 1);
  CHECK(t.submitted.size() == 1);
  CHECK(t.settlements.size() == 2);
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("dispatch: a give-back the broker could not be told is no verdict: the redelivery is worked on") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.d->stage_lost(stage::load, t.running("s").id, false, t.now);
  CHECK(t.outcome(1) == "abandon crashed");
  t.d->settlement_failed(1);
  t.d->loader_demand(10, t.now);
  t.deliver(1, "s", "u", 1);
  CHECK(t.is_running("s"));
  CHECK(t.settlements.size() == 1);
}

TEST_CASE("dispatch: what was given back and comes again before the broker's answer is a new delivery") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.d->stage_lost(stage::load, t.running("s").id, false, t.now);
  t.d->loader_demand(10, t.now);
  t.deliver(1, "s", "u", 1);
  REQUIRE(t.is_running("s"));
  t.confirm();
  CHECK(t.d->deliveries() == 1);
  t.commit("s");
  CHECK(t.outcome(1) == "complete committed");
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("dispatch: a lost lock changes nothing while the job runs; its redelivery joins") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.d->lock_lost(1);
  CHECK(t.d->deliveries() == 1);
  t.deliver(1, "s", "u", 1);
  CHECK(t.submitted.size() == 1);
  t.commit("s");
  t.d->lock_lost(1);
  CHECK(t.d->idle());
  t.deliver(1, "s", "u", 2);
  CHECK(t.is_running("s"));
}
