#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

/// Events 1 to n of n users, one conversation each.
void say_many(world& w, int n) {
  for (int i = 1; i <= n; ++i) w.say(i, fmt::format("user-{}", i), fmt::format("s{}", i));
  w.run();
}

texts completed(int n) {
  texts out;
  for (int i = 1; i <= n; ++i) out.push_back(fmt::format("{} complete", i));
  return out;
}

texts sorted(texts t) {
  std::sort(t.begin(), t.end());
  return t;
}

TEST_CASE("a crash of the analyzer in a job abandons that delivery alone, and no answer is paid twice") {
  world w;
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.say(2, "bob", "s2");
  w.run();
  CHECK(w.llm.calls.size() == 2);
  w.llm.throws_at = std::string{"s3 says text 1"};
  w.say(3, "cid", "s3");
  w.run();
  CHECK(w.bus.settled == texts{"3 abandon"});
  w.advance(seconds{2});
  CHECK(w.starts(actor_of::analyzer) == 2);
  w.llm.answer_all();
  w.run();
  CHECK(sorted(w.bus.settled) == texts{"1 complete", "2 complete", "3 abandon"});
  CHECK(w.llm.calls.size() == 2);
  CHECK(w.answers_kept() == 0);
  CHECK(w.bytes_held() == 0);
}

TEST_CASE("a delivery that crashes the worker for the third time is dead-lettered") {
  auto s = plain_settings();
  world w{s};
  for (uint32_t count = 0; count < 3; ++count) {
    w.llm.throws_at = std::string{"s1 says text 1"};
    w.converse("ann", "s1", 2);
    w.deliver(1, "ann", "s1", count);
    w.advance(seconds{3});
  }
  CHECK(w.bus.settled == texts{"1 abandon", "1 abandon", "1 dead-letter crashed-worker"});
  w.say(2, "ann", "s1");
  w.run();
  CHECK(w.bus.settled.back() == "2 complete");
}

TEST_CASE("an answer that came while the analyzer was away is used by its successor") {
  world w;
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.crash(actor_of::analyzer);
  w.llm.answer_all();
  w.run();
  CHECK(w.bus.settled.empty());
  w.advance(seconds{2});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.size() == 1);
}

TEST_CASE(
    "a crash of the writer in a commit abandons that delivery alone; the others' answers are used again") {
  world w;
  w.store.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.store.throws_at_write = true;
  w.say(2, "bob", "s2");
  w.run();
  CHECK(w.bus.settled == texts{"2 abandon"});
  w.store.holds = false;
  w.store.held.clear();
  w.advance(seconds{2});
  CHECK(sorted(w.bus.settled) == texts{"1 complete", "2 abandon"});
  CHECK(w.llm.calls.size() == 2);
  w.converse("bob", "s2", 2);
  w.deliver(2, "bob", "s2", 1);
  w.run();
  CHECK(w.bus.settled.back() == "2 complete");
  CHECK(w.llm.calls.size() == 2);
  CHECK(w.store.records.size() == 2);
}

TEST_CASE("a dispatcher's successor gets every unsettled delivery again and finishes it once") {
  world w;
  w.store.holds = true;
  say_many(w, 5);
  w.crash(actor_of::dispatcher);
  w.store.let_go();  // the late ends of jobs that the successor never started
  w.run();
  CHECK(w.bus.settled.empty());
  w.advance(seconds{2});
  CHECK(sorted(w.bus.settled) == completed(5));
  CHECK(w.store.records.size() == 5);
  CHECK(w.store.writes.size() == 5);
  CHECK(w.llm.calls.size() == 5);
  CHECK(w.bytes_held() == 0);
}

TEST_CASE("crashes of the dispatcher leak no place in the LLM's limit") {
  world w;
  w.llm.holds = true;
  say_many(w, 10);
  for (int round = 0; round < 3; ++round) {
    w.crash(actor_of::dispatcher);
    w.advance(seconds{2});
    CHECK(w.starts(actor_of::dispatcher) == round + 2);
  }
  w.llm.holds = false;
  w.llm.answer_all();
  w.advance(seconds{5});
  CHECK(sorted(w.bus.settled).size() == 10);
  CHECK(w.answers_kept() == 0);
  say_many(w, 10);
  w.advance(seconds{1});
  CHECK(w.bus.settled.size() == 20);
}

TEST_CASE("crashes of the dispatcher leak no bytes, though conversations wait for room") {
  auto s = plain_settings();
  s.dispatcher.bytes_in_flight = 3'000;
  world w{s};
  w.llm.holds = true;
  say_many(w, 8);
  CHECK(w.llm.held() < 8);
  w.crash(actor_of::dispatcher);
  w.advance(seconds{2});
  w.llm.holds = false;
  for (int round = 0; round < 8; ++round) {
    w.llm.answer_all();
    w.advance(seconds{1});
  }
  CHECK(sorted(w.bus.settled) == completed(8));
  CHECK(w.bytes_held() == 0);
}

TEST_CASE("a read that waits in Redis for a dispatcher that is gone holds no bytes when it is done") {
  world w;
  w.redis.holds = true;
  say_many(w, 3);
  w.crash(actor_of::dispatcher);
  w.advance(seconds{2});
  w.redis.holds = false;
  for (auto& read : std::exchange(w.redis.held, {})) read();
  w.advance(seconds{2});
  CHECK(sorted(w.bus.settled) == completed(3));
  CHECK(w.llm.calls.size() == 3);
  CHECK(w.bytes_held() == 0);
}

TEST_CASE("a late answer of an older attempt changes nothing") {
  auto s = plain_settings();
  s.dispatcher.job_deadline = seconds{60};
  world w{s};
  w.redis.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.redis.held.size() == 1);
  w.advance(seconds{70}, seconds{1});
  REQUIRE(w.redis.held.size() == 2);
  w.redis.held[1]();
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  w.redis.held[0]();
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.bytes_held() == 0);
}

TEST_CASE("a job given up while its call is out gives its place in the LLM's limit back") {
  auto s = plain_settings();
  s.llm_analyzer.max_in_flight = 1;
  s.dispatcher.job_deadline = seconds{60};
  s.dispatcher.hold_limit = seconds{1};
  world w{s};
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.advance(seconds{200}, seconds{1});
  w.llm.holds = false;
  w.say(2, "bob", "s2");
  w.advance(seconds{60}, seconds{1});
  REQUIRE(!w.bus.settled.empty());
  CHECK(w.bus.settled.back() == "2 complete");
}

}  // namespace
}  // namespace mw::test
