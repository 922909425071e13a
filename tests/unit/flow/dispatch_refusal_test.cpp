// Conversations that are not there, jobs that are refused while others pass, conflicts.
#include <doctest/doctest.h>

#include "protocol/flow/dispatch.hpp"
#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

TEST_CASE(
    "rejected: one job fails again and again while others pass: dead letter after attempts and a minute") {
  scene t{scene::at_once()};
  t.deliver(1, "bad", "bad");
  t.pass(1s);
  int attempts = 0;
  for (int i = 2; t.outcome(1).empty(); ++i) {
    REQUIRE(i < 60);
    t.deliver(i, name(i), user(i));
    t.commit(name(i));
    if (t.is_running("bad")) {
      t.fail("bad", stage::analyse, errc::rejected);
      ++attempts;
    }
    t.pass(10s);
  }
  CHECK(t.outcome(1) == "dead-letter dependency-rejects-this");
  CHECK(attempts >= 5);
  CHECK(t.settlements.back().description.find("rejected") != std::string::npos);
}

TEST_CASE("rejected: attempts before a redelivery count, as Redis remembers them") {
  auto o = scene::at_once();
  o.max_failures = 20;
  scene t{o};
  t.deliver(1, "bad", "bad", 1);
  t.pass(1s);
  int attempts = 0;
  for (int i = 2; t.outcome(1).empty(); ++i) {
    REQUIRE(i < 60);
    t.deliver(i, name(i), user(i));
    t.commit(name(i));
    if (t.is_running("bad")) {
      t.d->failures_counted(t.running("bad").id, static_cast<uint32_t>(20 + attempts));
      t.fail("bad", stage::analyse, errc::rejected);
      ++attempts;
    }
    t.pass(10s);
  }
  CHECK(t.outcome(1) == "dead-letter dependency-rejects-this");
  CHECK(attempts < 20);
}

TEST_CASE("missing: a conversation that appears within some seconds is analysed") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.fail("s", stage::load, errc::conversation_missing);
  CHECK(t.outcome(1).empty());
  t.pass(500ms);
  t.commit("s");
  CHECK(t.outcome(1) == "complete committed");
}

TEST_CASE("missing: a conversation that stays away is dead-lettered after some seconds") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  const auto began = t.now;
  while (t.outcome(1).empty()) {
    REQUIRE(t.now < began + 20s);
    fail_all(t, stage::load, errc::conversation_missing);
    t.pass(500ms);
  }
  CHECK(t.now - began >= 5s);
  CHECK(t.outcome(1) == "dead-letter conversation-not-found");
}

TEST_CASE("missing: a conversation whose record covers the event is completed") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  job_result r;
  r.id = t.running("s").id;
  r.attempt = 1;
  r.error = fail(dependency::redis, errc::conversation_missing, "gone");
  r.record_covers_event = true;
  t.d->finished(r, t.now);
  CHECK(t.outcome(1) == "complete covered");
}

TEST_CASE("missing: several conversations in a row are gone: held, with an alarm, not dead-lettered") {
  scene t{scene::at_once()};
  deliver_many(t, 6);
  for (const auto end = t.now + 5min; t.now < end;) {
    fail_all(t, stage::load, errc::conversation_missing);
    t.pass(500ms);
  }
  CHECK_FALSE(any_dead_letter(t));
  CHECK(t.noted(note::redis_emptied) > 0);
  SUBCASE("a conversation that is found ends the alarm: the others are looked at one by one again") {
    t.deliver(100, "found", "found");
    t.commit("found");
    for (int i = 0; i < 120; ++i) {
      for (const auto& session : t.running_sessions()) {
        t.fail(session, stage::load, errc::conversation_missing);
        t.deliver(200 + i, "found", "found");
        if (t.is_running("found")) t.commit("found");
      }
      t.pass(1s);
    }
    for (int i = 1; i <= 6; ++i) CHECK(t.outcome(i) == "dead-letter conversation-not-found");
  }
  SUBCASE("past the hold limit they are given back") {
    for (const auto end = t.now + 6min; t.now < end;) {
      fail_all(t, stage::load, errc::conversation_missing);
      t.pass(500ms);
    }
    for (int i = 1; i <= 6; ++i) CHECK(t.outcome(i) == "release redis-emptied");
  }
}

TEST_CASE("missing: the same two conversations again and again do not look like an emptied Redis") {
  scene t{scene::at_once()};
  for (int i = 1; i <= 20; ++i) {
    t.deliver(i, i % 2 == 0 ? "even" : "odd", std::string{"u"}.append(std::to_string(i % 2)));
    fail_all(t, stage::load, errc::conversation_missing);
  }
  CHECK(t.noted(note::redis_emptied) == 0);
}

TEST_CASE("missing: a newer event that joins the waiting job has its own seconds to appear") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  for (int i = 0; i < 9; ++i) {
    t.fail("s", stage::load, errc::message_missing);
    t.pass(500ms);
  }
  t.fail("s", stage::load, errc::message_missing);
  t.deliver(2, "s");
  CHECK(t.outcome(1) == "complete covered");
  for (int i = 0; i < 9; ++i) {
    t.pass(500ms);
    t.fail("s", stage::load, errc::message_missing);
  }
  CHECK(t.outcome(2).empty());
  t.pass(1s);
  t.fail("s", stage::load, errc::message_missing);
  CHECK(t.outcome(2) == "dead-letter message-not-found");
}

TEST_CASE("missing: an outage between two looks does not use up the seconds of waiting") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  t.fail("s", stage::load, errc::conversation_missing);
  t.pass(500ms);
  t.fail("s", stage::load, errc::unreachable);
  for (int i = 0; i < 10; ++i) {
    t.pass(6s);
    if (t.is_running("s")) t.fail("s", stage::load, errc::unreachable);
  }
  t.pass(6s);
  t.fail("s", stage::load, errc::conversation_missing);
  CHECK(t.outcome(1).empty());
}

TEST_CASE("conflict: somebody else wrote first: again at once, and slower only when it goes on") {
  scene t{scene::at_once()};
  t.deliver(1, "s");
  for (int i = 0; i < 3; ++i) t.fail("s", stage::commit, errc::conflict);
  REQUIRE(t.is_running("s"));
  t.fail("s", stage::commit, errc::conflict);
  CHECK_FALSE(t.is_running("s"));
  t.pass(30s);
  t.commit("s");
  CHECK(t.outcome(1) == "complete committed");
}

TEST_CASE("rejected for everybody: the intake stops, others are tried one by one, nothing is dead-lettered") {
  scene t{scene::at_once()};
  deliver_many(t, 20);
  for (int i = 0; i < 5; ++i) t.fail(name(i + 1), stage::analyse, errc::rejected);
  CHECK(t.d->breaker_of(dependency::llm).is_open());
  CHECK_FALSE(t.d->intake_open());
  fail_all(t, stage::analyse, errc::rejected);
  for (const auto end = t.now + 9min; t.now < end;) {
    t.pass(5s);
    CHECK(t.running_sessions().size() <= 1);
    fail_all(t, stage::analyse, errc::rejected);
  }
  CHECK(t.settlements.empty());
  SUBCASE("past the hold limit they are given back") {
    for (const auto end = t.now + 2min; t.now < end;) {
      t.pass(5s);
      fail_all(t, stage::analyse, errc::rejected);
    }
    for (int i = 1; i <= 20; ++i) CHECK(t.outcome(i).starts_with("release "));
  }
  SUBCASE("once one passes everything goes on") {
    t.d->probed(dependency::llm, true, t.now);
    CHECK(t.d->intake_open());
    for (int i = 0; i < 100; ++i) {
      commit_all(t);
      t.pass(1s);
    }
    for (int i = 1; i <= 20; ++i) CHECK(t.outcome(i) == "complete committed");
  }
}

TEST_CASE("rejected: five bad conversations in a row do not stop the sixth, which is good") {
  scene t{scene::at_once()};
  deliver_many(t, 5);
  fail_all(t, stage::analyse, errc::rejected);
  REQUIRE(t.d->breaker_of(dependency::llm).is_open());
  t.deliver(6, "good", "good");
  t.pass(6s);
  REQUIRE(t.is_running("good"));
  t.commit("good");
  CHECK(t.d->intake_open());
  CHECK(t.outcome(6) == "complete committed");
}

TEST_CASE("rejected: with only the refused ones at hand a cheap call tells, and the intake opens again") {
  scene t{scene::at_once()};
  deliver_many(t, 5);
  fail_all(t, stage::analyse, errc::rejected);
  REQUIRE_FALSE(t.d->intake_open());
  t.pass(6s);
  CHECK(t.running_sessions().empty());
  REQUIRE(t.probes == std::vector{dependency::llm});
  t.d->probed(dependency::llm, true, t.now);
  CHECK(t.d->intake_open());
}

TEST_CASE("conflict: one that does not end, while others commit, is dead-lettered after many tries") {
  scene t{scene::at_once()};
  t.deliver(1, "bad", "bad");
  const auto began = t.now;
  for (int i = 2; t.outcome(1).empty(); ++i) {
    REQUIRE(i < 400);
    t.deliver(i, name(i), user(i));
    t.commit(name(i));
    if (t.is_running("bad")) t.fail("bad", stage::commit, errc::conflict);
    t.pass(5s);
  }
  CHECK(t.outcome(1) == "dead-letter dependency-rejects-this");
  CHECK(t.now - began >= 1min);
}

TEST_CASE("conflict: where nobody can commit the intake stops, nothing is dead-lettered, then given back") {
  scene t{scene::at_once()};
  deliver_many(t, 8);
  bool stopped = false;
  for (const auto end = t.now + 25min; t.now < end;) {
    fail_all(t, stage::commit, errc::conflict);
    t.pass(1s);
    stopped = stopped || !t.d->intake_open();
  }
  CHECK(stopped);
  CHECK_FALSE(any_dead_letter(t));
  for (int i = 1; i <= 8; ++i) CHECK(t.outcome(i).starts_with("release "));
}
