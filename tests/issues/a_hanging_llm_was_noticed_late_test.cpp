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

}  // namespace
}  // namespace mw::test
