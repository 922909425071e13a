// A topic that is deleted and made anew counts its messages from one again. What the worker still knew by
// such a number was taken for the new message: it was never analysed, or settled with the verdict of the old
// one.
#include "tests/unit/actors/world.hpp"
#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

namespace {

void deliver_other(scene& t, int64_t sequence, const std::string& session, const std::string& message,
                   const std::string& user = "u2") {
  t.d->arrived({sequence, 0, {user, session, message, ""}, sequence, 0s}, lock{}, t.now);
}

}  // namespace

TEST_CASE("a message with the number of one that waits has a window of its own, and both are analysed") {
  scene t;
  t.deliver(5, "old");
  deliver_other(t, 5, "new", "x");
  t.pass(2min);
  CHECK(t.is_running("old"));
  CHECK(t.is_running("new"));
  t.commit("old");
  CHECK(t.outcome(5).empty());
  t.commit("new");
  CHECK(t.outcome(5) == "complete committed");
  t.confirm();
  CHECK(t.d->deliveries() == 0);
}

TEST_CASE("a job whose number is used again settles nothing, however it ends") {
  auto o = scene::at_once();
  SUBCASE("dead-lettered") {
    scene t{o};
    t.deliver(5, "old");
    deliver_other(t, 5, "new", "x");
    t.fail("old", stage::load, errc::conversation_malformed);
    CHECK(t.outcome(5).empty());
    CHECK(t.is_running("new"));
  }
  SUBCASE("given back past the hold limit") {
    scene t{o};
    t.deliver(5, "old");
    deliver_other(t, 5, "new", "x");
    t.commit("new");
    t.confirm();
    for (const auto end = t.now + 12min; t.now < end && t.is_running("old");) {
      t.fail("old", stage::analyse, errc::overloaded);
      t.pass(31s);
    }
    CHECK(t.outcome(5) == "complete committed");
    t.pass(1min);
    t.d->drain(t.now);
    CHECK(t.d->deliveries() == 0);
  }
}

TEST_CASE("a newer event of the same conversation takes over from the one whose number is gone") {
  scene t;
  t.deliver(5, "s", "u2");
  deliver_other(t, 5, "other", "x", "u3");
  deliver_other(t, 6, "s", "y");
  t.pass(2min);
  CHECK(t.running("s").sequence_number == 6);
  t.commit("s");
  CHECK(t.outcome(6) == "complete committed");
}

TEST_CASE("a verdict that could not be told is not told about another message of that number") {
  scene t{scene::at_once()};
  t.deliver(5, "old");
  t.commit("old");
  t.d->settlement_failed(5);
  deliver_other(t, 5, "new", "x");
  CHECK(t.is_running("new"));
}

TEST_CASE("a verdict on its way is not repeated for another message of that number") {
  scene t{scene::at_once()};
  t.deliver(5, "old");
  t.commit("old");
  const size_t told = t.settlements.size();
  deliver_other(t, 5, "new", "x");
  CHECK(t.settlements.size() == told);
  CHECK(t.is_running("new"));
  t.d->repeat_settlements();
  CHECK(t.settlements.size() == told);
}

TEST_CASE("an unreadable event with a known number is dead-lettered, and the known one is still analysed") {
  scene t{scene::at_once()};
  t.deliver(5, "old");
  t.d->arrived_unreadable(5, lock{}, mw::fail(errc::invalid_event, "no JSON"));
  CHECK(t.outcome(5) == "dead-letter invalid-event");
  t.commit("old");
  CHECK(t.outcome(5) == "dead-letter invalid-event");
}

TEST_CASE("crashes of a message are not held against another one of its number") {
  scene t{scene::at_once()};
  for (uint32_t count = 0; count < 2; ++count) {
    t.deliver(5, "old", "u", count);
    t.enter("old", stage::analyse);
    t.d->stage_lost(stage::analyse, t.running("old").id, false, t.now);
    CHECK(t.outcome(5) == "abandon crashed");
    t.confirm();
  }
  deliver_other(t, 5, "new", "x");
  t.enter("new", stage::analyse);
  t.d->stage_lost(stage::analyse, t.running("new").id, false, t.now);
  CHECK(t.outcome(5) == "abandon crashed");
}

TEST_CASE("the same message that comes again under its number joins what runs, as ever") {
  scene t{scene::at_once()};
  t.deliver(5, "s");
  t.deliver(5, "s", "u", 1);
  CHECK(t.submitted.size() == 1);
  t.commit("s");
  CHECK(t.outcome(5) == "complete committed");
}

TEST_CASE("the whole worker analyses and settles a message whose number it has used before") {
  mw::test::world w;
  w.bus.answers = false;
  w.say(1, "ann", "s1", 2);
  w.run();
  w.say(1, "bob", "s2", 2);
  w.run();
  CHECK(w.bus.settled == mw::test::texts{"1 complete", "1 complete"});
  CHECK(w.store.records.contains("s2"));
}

TEST_CASE("a lower number that the bus took later is newer: nothing of it counts as covered") {
  const auto arrive = [](scene& t, int64_t number, int64_t enqueued_ms) {
    arrival a{number, 0, {"u", "s", "m" + std::to_string(number), ""}, enqueued_ms, 0s};
    a.enqueued_ms = enqueued_ms;
    t.d->arrived(a, lock{}, t.now);
  };
  scene t{scene::at_once()};
  arrive(t, 1000, 1'000);
  REQUIRE(t.is_running("s"));
  arrive(t, 1, 2'000);
  CHECK(t.outcome(1).empty());
  t.commit("s");
  CHECK(t.is_running("s"));
  t.commit("s");
  CHECK(t.outcome(1) == "complete committed");
}
