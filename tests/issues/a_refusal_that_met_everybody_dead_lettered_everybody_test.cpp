// A memory store that answered 400 to every commit: a thousand of a thousand conversations were
// dead-lettered, and their records marked as if they were at fault.
#include "tests/unit/actors/world.hpp"
#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

namespace {

size_t dead_letters(const scene& t) {
  return static_cast<size_t>(
      std::count_if(t.settlements.begin(), t.settlements.end(),
                    [](const settlement& s) { return s.what == action::dead_letter; }));
}

}  // namespace

TEST_CASE("a store that refuses every commit dead-letters nobody: they are held, and people are told once") {
  scene t{scene::at_once()};
  deliver_many(t, 200);
  for (int i = 0; i < 60; ++i) {
    fail_all(t, stage::commit, errc::rejected);
    t.pass(5s);
  }
  CHECK(dead_letters(t) == 0);
  CHECK(t.noted(note::refused_for_everybody) == 1);
  for (const auto& j : t.submitted) CHECK_FALSE((j.mark_refused && j.sequence_number > 5));
}

TEST_CASE("once it takes them again all are stored, and people are told") {
  scene t{scene::at_once()};
  deliver_many(t, 50);
  for (int i = 0; i < 10; ++i) {
    fail_all(t, stage::commit, errc::rejected);
    t.pass(5s);
  }
  for (int i = 0; i < 20; ++i) {
    commit_all(t);
    t.pass(5s);
  }
  t.confirm();
  CHECK(t.d->idle());
  CHECK(dead_letters(t) == 0);
  CHECK(t.noted(note::refusals_over) == 1);
}

TEST_CASE("conversations that nobody can read any more are held from the fifth user on") {
  scene t{scene::at_once()};
  deliver_many(t, 50);
  fail_all(t, stage::load, errc::conversation_malformed);
  CHECK(dead_letters(t) == 4);
  t.deliver(100, "fine", "fine");
  t.commit("fine");
  t.pass(31s);
  fail_all(t, stage::load, errc::conversation_malformed);
  CHECK(dead_letters(t) >= 8);
}

TEST_CASE(
    "one conversation that is refused while others pass is dead-lettered on the second try, and marked") {
  scene t{scene::at_once()};
  t.deliver(1, "bad", "bad");
  t.deliver(2, "good", "good");
  t.commit("good");
  CHECK_FALSE(t.running("bad").mark_refused);
  t.fail("bad", stage::commit, errc::rejected);
  CHECK(t.outcome(1).empty());
  t.pass(5s);
  CHECK(t.running("bad").mark_refused);
  t.fail("bad", stage::commit, errc::rejected);
  CHECK(t.outcome(1) == "dead-letter memory-rejected");
}

TEST_CASE("what is refused to all is given back uncounted past the hold limit, not dead-lettered") {
  scene t{scene::at_once()};
  deliver_many(t, 20);
  for (int i = 0; i < 200; ++i) {
    fail_all(t, stage::commit, errc::rejected);
    t.pass(5s);
    t.confirm();
  }
  CHECK(dead_letters(t) == 0);
  CHECK(t.outcome(1) == "release refused-for-everybody");
}

TEST_CASE(
    "a job refused once or more is not dead-lettered within a minute, as in a short outage of answers 400") {
  scene t{scene::at_once()};
  t.deliver(1, "bad", "bad");
  for (int i = 2; i < 40; ++i) {
    t.deliver(i, name(i), user(i));
    t.commit(name(i));
    if (t.is_running("bad")) t.fail("bad", stage::analyse, errc::rejected);
    t.pass(1s);
  }
  CHECK(t.outcome(1).empty());
}

TEST_CASE("in a store that refuses everything no record is marked, and the worker says that it is not well") {
  mw::test::world w;
  for (int i = 0; i < 100; ++i)
    w.store.refuse_writes.push_back(fail(dependency::memory, errc::rejected, "no such field"));
  for (int i = 1; i <= 8; ++i) w.say(i, "user" + std::to_string(i), "s" + std::to_string(i));
  w.run();
  w.advance(std::chrono::seconds{2});
  CHECK(w.bus.settled.empty());
  for (const auto& c : w.store.writes) CHECK_FALSE(c.keep_summary);
  w.store.refuse_writes.clear();
  w.advance(std::chrono::seconds{60});
  CHECK(w.bus.settled.size() == 8);
  for (const auto& s : w.bus.settled) CHECK(s.ends_with("complete"));
  CHECK(w.llm.calls.size() == 8);
}
