#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

TEST_CASE("a lost bus comes back: what is unsettled is adopted, and settled over the new link") {
  world w;
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.lose_bus();
  w.llm.answer_all();
  w.run();
  CHECK(w.store.records.contains("s1"));
  CHECK(w.bus.settled.empty());
  w.advance(seconds{1});
  CHECK(w.bus.connections == 2);
  CHECK(w.bus.adopted == std::vector<int64_t>{1});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.bus.credit > 0);
}

TEST_CASE("a settlement without an answer is repeated over the next link") {
  world w;
  w.bus.answers = false;
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  w.bus.answers = true;
  w.lose_bus();
  w.advance(seconds{1});
  CHECK(w.bus.settled == texts{"1 complete", "1 complete"});
  w.lose_bus();
  w.advance(seconds{1});
  CHECK(w.bus.settled.size() == 2);
}

TEST_CASE("a refused settlement is tried once more by lock token, then left to lapse and remembered") {
  world w;
  w.bus.refuse = {fail(dependency::bus, errc::timed_out, "late"),
                  fail(dependency::bus, errc::timed_out, "late")};
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.bus.settled == texts{"1 complete", "1 complete"});
  CHECK(w.bus.given_up == std::vector<int64_t>{1});
  w.deliver(1, "ann", "s1", 1);
  w.run();
  CHECK(w.bus.settled.size() == 3);
  CHECK(w.redis.fetches == 1);
}

TEST_CASE("what an earlier link received is not renewed for ever when the dispatcher that knew it is gone") {
  world w;
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.lose_bus();
  w.advance(seconds{1});
  CHECK(w.bus.adopted == std::vector<int64_t>{1});
  w.crash(actor_of::dispatcher);
  w.advance(seconds{1});
  CHECK(w.bus.given_up == std::vector<int64_t>{1});
  w.llm.holds = false;
  w.deliver(1, "ann", "s1", 1);
  w.advance(seconds{1});
  CHECK(w.bus.settled == texts{"1 complete"});
}

TEST_CASE("link credit does not add up over crashes of the dispatcher") {
  world w;
  const uint32_t at_start = w.bus.credit;
  CHECK(at_start > 0);
  for (int round = 0; round < 3; ++round) {
    w.crash(actor_of::dispatcher);
    w.advance(seconds{2});
    CHECK(w.bus.credit == at_start);
  }
}

TEST_CASE("a bus that is away for long is tried again within seconds, and is no reason to give up") {
  world w;
  w.bus.reachable = false;
  w.lose_bus();
  w.advance(seconds{300}, seconds{1});
  CHECK_FALSE(w.ended());
  const int before = w.bus.connections;
  CHECK(before > 30);
  w.bus.reachable = true;
  w.advance(seconds{7});
  CHECK(w.bus.attached);
  CHECK(w.bus.credit > 0);
}

TEST_CASE("a bus that refuses us is tried again slowly, named as not ready, and is no reason to give up") {
  world w;
  w.bus.reachable = false;
  w.bus.refusal = fail(dependency::bus, errc::not_found, "no such subscription: events");
  w.lose_bus();
  w.advance(seconds{300}, seconds{1});
  CHECK_FALSE(w.ended());
  CHECK(w.bus.connections >= 5);
  CHECK(w.bus.connections <= 12);
  CHECK(w.status_json().find("no such subscription: events") != std::string::npos);
  w.bus.reachable = true;
  w.advance(seconds{61}, seconds{1});
  CHECK(w.bus.attached);
}

TEST_CASE("a busy bus is given at least four seconds before the next connection") {
  world w;
  w.bus.reachable = false;
  w.bus.refusal = fail(dependency::bus, errc::throttled, "server busy");
  w.bus.listener.closed(w.bus.refusal);
  w.run();
  w.advance(milliseconds{3'900});
  CHECK(w.bus.connections == 1);
  w.advance(milliseconds{2'200});
  CHECK(w.bus.connections == 2);
}

TEST_CASE("a link that is away for seconds shows as not ready, one that moves does not") {
  world w;
  w.lose_link(fail(dependency::bus, errc::connection_lost, "detach forced"), milliseconds{100});
  CHECK(w.status_json().find("detach forced") == std::string::npos);
  w.lose_link(fail(dependency::bus, errc::throttled, "server busy"), milliseconds{4'000});
  CHECK(w.status_json().find("server busy") != std::string::npos);
  CHECK(w.bus.connections == 1);
  w.bus.listener.back();
  w.run();
  CHECK(w.status_json().find("server busy") == std::string::npos);
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
}

TEST_CASE("a settlement the busy bus refused is told again after four seconds") {
  world w;
  w.bus.refuse = {fail(dependency::bus, errc::throttled, "server busy")};
  w.say(1, "ann", "s1");
  w.run();
  w.advance(milliseconds{3'900});
  CHECK(w.bus.settled == texts{"1 complete"});
  w.advance(milliseconds{200});
  CHECK(w.bus.settled == texts{"1 complete", "1 complete"});
  CHECK(w.bus.given_up.empty());
}

TEST_CASE("while Redis is away nothing is taken; its jobs go on when it is back, none is lost or charged") {
  world w;
  w.redis.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.redis.reachable = false;
  w.redis.held.clear();
  w.lose_redis();
  CHECK(w.bus.credit == 0);
  w.advance(seconds{120}, seconds{1});
  CHECK_FALSE(w.ended());
  CHECK(w.bus.settled.empty());
  CHECK(w.starts(actor_of::loader) > 7);
  w.redis.reachable = true;
  w.redis.holds = false;
  w.advance(seconds{10});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.redis.failures.empty());
  CHECK(w.bus.credit > 0);
}

TEST_CASE("jobs behind the loader are finished while Redis is away") {
  world w;
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.redis.reachable = false;
  w.lose_redis();
  w.llm.answer_all();
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
}

TEST_CASE("a Redis that came back as another one holds what it does not have") {
  world w;
  w.redis.run_id = std::string{"run-2"};
  w.lose_redis();
  w.advance(seconds{1});
  w.deliver(1, "ann", "s1");
  w.advance(seconds{30}, seconds{1});
  CHECK(w.bus.settled.empty());
  w.converse("ann", "s1", 1);
  w.advance(seconds{40}, seconds{1});
  CHECK(w.bus.settled == texts{"1 complete"});
}

TEST_CASE("the memory store's outage costs time, not messages, and an answer only once") {
  world w;
  w.store.well = false;
  for (int i = 0; i < 200; ++i)
    w.store.refuse_writes.push_back(fail(dependency::memory, errc::unreachable, "no memory store"));
  for (int n = 1; n <= 8; ++n) w.say(n, fmt::format("user-{}", n), fmt::format("s{}", n));
  w.advance(seconds{120}, milliseconds{500});
  CHECK(w.bus.settled.empty());
  CHECK(w.bus.credit == 0);
  w.store.well = true;
  w.store.refuse_writes.clear();
  w.advance(seconds{20}, milliseconds{500});
  CHECK(w.bus.settled.size() == 8);
  CHECK(w.llm.calls.size() == 8);
  CHECK(w.bus.credit > 0);
}

TEST_CASE("the LLM's outage costs time, not messages") {
  world w;
  w.llm.well = false;
  w.llm.judge = [](const llm::analysis_input&) -> std::optional<failure> {
    return fail(dependency::llm, errc::unreachable, "no LLM");
  };
  for (int n = 1; n <= 8; ++n) w.say(n, fmt::format("user-{}", n), fmt::format("s{}", n));
  w.advance(seconds{120}, milliseconds{500});
  CHECK(w.bus.settled.empty());
  CHECK(w.bus.credit == 0);
  w.llm.well = true;
  w.llm.judge = nullptr;
  w.advance(seconds{20}, milliseconds{500});
  CHECK(w.bus.settled.size() == 8);
  CHECK(w.bus.credit > 0);
}

}  // namespace
}  // namespace mw::test
