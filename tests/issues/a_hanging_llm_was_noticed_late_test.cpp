// A hanging LLM was noticed only when its calls' time-out had passed, and held up everything for half a
// minute after it had recovered: its calls held the slots of all jobs, and no probe had room.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

void say_many(world& w, int from, int count) {
  for (int i = from; i < from + count; ++i) w.say(i, fmt::format("u{}", i), fmt::format("s{}", i));
}

bool llm_is_down(const world& w) {
  const auto status = w.status_json();
  const auto at = status.find("\"llm\":{\"state\":\"");
  REQUIRE(at != std::string::npos);
  return status.compare(at + 16, 4, "down") == 0;
}

TEST_CASE(
    "an LLM that hangs is named within seconds, and everything goes on within seconds of its recovery") {
  world w;
  say_many(w, 1, 30);
  w.run();
  REQUIRE(w.bus.settled.size() == 30);
  w.llm.holds = true;  // for ever: what it was asked is never answered
  w.llm.well = false;
  say_many(w, 31, 30);
  w.advance(seconds{12});
  CHECK(llm_is_down(w));
  CHECK(w.bus.drains == 1);
  w.advance(std::chrono::minutes{3});
  CHECK(llm_is_down(w));
  CHECK(w.bus.settled.size() == 30);
  w.llm.holds = false;
  w.llm.well = true;
  w.advance(seconds{8});
  CHECK_FALSE(llm_is_down(w));
  CHECK(w.bus.settled.size() == 60);
  CHECK(w.store.records.size() == 60);
}

TEST_CASE("a lone call that hangs is noticed like many") {
  world w;
  w.llm.holds = true;
  w.llm.well = false;
  say_many(w, 1, 1);
  w.advance(seconds{12});
  CHECK(llm_is_down(w));
  w.llm.holds = false;
  w.llm.well = true;
  w.advance(seconds{8});
  CHECK(w.store.records.size() == 1);
}

TEST_CASE("an LLM that takes 50 s for an answer is well as long as it answers a probe") {
  world w;
  w.llm.holds = true;
  say_many(w, 1, 40);
  for (int round = 0; round < 4; ++round) {
    for (int second = 0; second < 50; ++second) {
      w.advance(seconds{1});
      REQUIRE_FALSE(llm_is_down(w));
    }
    w.llm.answer_all();
    w.run();
  }
  CHECK(w.bus.drains == 0);
  CHECK(w.llm.probes <= 1 + 10);
  CHECK(w.llm.calls.size() == 40);
  CHECK(w.store.records.size() == 40);
}

TEST_CASE("an LLM too busy for a probe is well again with its next answer, and nothing is paid twice") {
  world w;
  w.llm.holds = true;
  w.llm.well = false;
  w.advance(seconds{1});
  say_many(w, 1, 10);
  w.advance(seconds{20});
  REQUIRE(llm_is_down(w));
  w.llm.answer_all();
  w.advance(seconds{2});
  CHECK_FALSE(llm_is_down(w));
  CHECK(w.store.records.size() >= 9);
  CHECK(w.llm.calls.size() <= 13);  // the probes by job
}

TEST_CASE("an LLM that is slow with everything is well as soon as it has answered a probe, however late") {
  world w;
  w.llm.holds = w.llm.holds_probes = true;
  w.llm.takes = seconds{9};
  say_many(w, 1, 5);
  w.advance(seconds{13});
  CHECK(llm_is_down(w));
  w.llm.answer_probes();
  w.run();
  CHECK_FALSE(llm_is_down(w));
  CHECK(w.llm.calls.size() <= 6);  // five, and the probe by job: nobody asks anew what is being worked on
  w.llm.answer_all();
  w.advance(seconds{1});
  // Its calls take as long: that is usual now, and nobody doubts it for it.
  for (int i = 1; i <= 5; ++i) {
    say_many(w, 10 * i, 5);
    w.advance(seconds{9});
    w.llm.answer_all();
    w.run();
    CHECK_FALSE(llm_is_down(w));
  }
  CHECK(w.store.records.size() == 30);
  CHECK(w.bus.drains <= 1);
}

TEST_CASE("a slow LLM whose first call was taken for hanging is known from its late answer on") {
  world w;
  w.llm.holds = true;
  w.llm.well = false;  // it answers one thing at a time
  w.llm.takes = seconds{20};
  for (int i = 0; i < 4; ++i) {
    say_many(w, 1 + i, 1);
    w.advance(seconds{20});
    if (i > 0) CHECK_FALSE(llm_is_down(w));
    w.llm.answer_all();
    w.advance(seconds{1});
    CHECK_FALSE(llm_is_down(w));
  }
  CHECK(w.store.records.size() == 4);
}

TEST_CASE("calls that hang although some are younger: probes go on slowly, whoever refuses them at once") {
  world w;
  w.llm.holds = true;
  w.llm.well = false;
  const int before = w.llm.probes;
  say_many(w, 1, 1);
  w.advance(seconds{3});
  say_many(w, 2, 1);
  w.advance(seconds{9});
  CHECK(llm_is_down(w));
  CHECK(w.llm.probes - before <= 4);
}

TEST_CASE("what waits for a slot is not asked of an LLM that hangs") {
  auto s = plain_settings();
  s.llm_analyzer.max_in_flight = 2;
  s.dispatcher.max_jobs = 8;
  world w{s};
  w.llm.holds = true;
  w.llm.well = false;
  say_many(w, 1, 8);
  w.advance(seconds{25});
  CHECK(w.llm.held() <= 2 + 5);  // and the probes by job
  w.llm.holds = false;
  w.llm.well = true;
  w.advance(seconds{10});
  CHECK(w.store.records.size() == 8);
}

TEST_CASE("calls that end by their time-out do not make the next hang pass for usual") {
  world w;
  w.llm.holds = true;
  w.llm.well = false;
  say_many(w, 1, 1);
  w.advance(seconds{12});
  REQUIRE(llm_is_down(w));
  llm::answer late;
  late.outcome = fail(dependency::llm, errc::timed_out, "no answer within 60000 ms");
  late.elapsed = seconds{60};
  std::exchange(w.llm.calls.front().done, nullptr)(std::move(late));
  w.llm.holds = false;
  w.llm.well = true;
  w.advance(seconds{10});
  REQUIRE(w.store.records.size() == 1);
  w.llm.holds = true;
  w.llm.well = false;
  say_many(w, 10, 1);
  w.advance(seconds{12});
  CHECK(llm_is_down(w));
}

TEST_CASE("a start probe that fails after a call was answered leaves the LLM well") {
  world w;
  w.llm.holds = w.llm.holds_probes = true;
  say_many(w, 1, 1);
  w.advance(seconds{6});
  REQUIRE(w.llm.held_probes.size() == 1);
  w.llm.answer_all();
  w.run();
  w.llm.answer_probes(fail(dependency::llm, errc::timed_out, "no answer"));
  w.run();
  CHECK_FALSE(llm_is_down(w));
  CHECK(w.bus.drains == 0);
}

}  // namespace
}  // namespace mw::test
