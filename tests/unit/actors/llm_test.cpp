#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

failure llm_failure(errc code) {
  return fail(dependency::llm, code, "as the case says");
}

bool contains(const llm::analysis_input& input, std::string_view id) {
  for (const auto& m : input.messages)
    if (m.position.id == id) return true;
  return false;
}

TEST_CASE("an invalid answer is shown to the LLM once for repair, and the repaired one is stored") {
  world w;
  w.llm.failures = {llm_failure(errc::invalid_answer)};
  w.say(1, "ann", "s1");
  w.run();
  REQUIRE(w.llm.calls.size() == 2);
  CHECK(w.llm.calls[0].limits.repair_answer.empty());
  CHECK(w.llm.calls[1].limits.repair_answer == "the raw answer");
  CHECK(w.llm.calls[1].limits.repair_reason == "as the case says");
  CHECK(w.store.records.at("s1").status == memory::record_status::ok);
  CHECK(w.bus.settled == texts{"1 complete"});
}

TEST_CASE("a repair that fails ends in defaults, which are tried again with the next event") {
  world w;
  w.llm.failures = {llm_failure(errc::invalid_answer), llm_failure(errc::invalid_answer)};
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.llm.calls.size() == 2);
  const auto& r = w.store.records.at("s1");
  CHECK(r.status == memory::record_status::defaults);
  REQUIRE(r.skipped.size() == 1);
  CHECK(r.skipped[0].from.id == "m1");
  CHECK(r.skipped[0].to.id == "m2");
  CHECK(w.bus.settled == texts{"1 complete"});

  w.say(2, "ann", "s1", 4);
  w.run();
  REQUIRE(w.llm.calls.size() == 4);
  CHECK(w.llm.calls[2].messages == texts{"m3", "m4"});
  CHECK(w.llm.calls[3].messages == texts{"m1", "m2"});
  CHECK(w.store.records.at("s1").skipped.empty());
  CHECK(w.store.records.at("s1").status == memory::record_status::ok);
}

TEST_CASE("a truncated answer gets more room once, then the conversation goes in parts") {
  world w;
  w.llm.failures = {llm_failure(errc::truncated), llm_failure(errc::truncated)};
  w.say(1, "ann", "s1", 4);
  w.run();
  REQUIRE(w.llm.calls.size() == 4);
  CHECK(w.llm.calls[1].limits.max_output_tokens > w.llm.calls[0].limits.max_output_tokens);
  CHECK(w.llm.calls[1].messages.size() == 4);
  CHECK(w.llm.calls[2].messages == texts{"m1", "m2"});
  CHECK(w.llm.calls[3].messages == texts{"m3", "m4"});
  CHECK(w.store.records.at("s1").through->id == "m4");
  CHECK(w.history == texts{"stored s1", "stored s1", "settled 1 complete"});
}

TEST_CASE("one filtered message costs at most 8 calls, and the rest is analysed") {
  world w;
  w.llm.judge = [](const llm::analysis_input& i) -> std::optional<failure> {
    return contains(i, "m3") ? std::optional{llm_failure(errc::content_filtered)} : std::nullopt;
  };
  w.say(1, "ann", "s1", 8);
  w.advance(seconds{2});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.size() <= 8);
  const auto& r = w.store.records.at("s1");
  CHECK(r.through->id == "m8");
  CHECK(r.status == memory::record_status::ok);
  REQUIRE(r.skipped.size() == 1);
  CHECK(r.skipped[0].from.id == "m3");
  CHECK(r.skipped[0].to.id == "m3");
}

TEST_CASE("an outage of the memory store uses up none of a delivery's calls") {
  world w;
  w.llm.judge = [](const llm::analysis_input& i) -> std::optional<failure> {
    return contains(i, "m5") ? std::optional{llm_failure(errc::content_filtered)} : std::nullopt;
  };
  for (int i = 0; i < 10; ++i)
    w.store.refuse_writes.push_back(fail(dependency::memory, errc::overloaded, "busy"));
  w.say(1, "ann", "s1", 8);
  w.advance(seconds{90});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.size() <= 8);
  const auto& r = w.store.records.at("s1");
  REQUIRE(r.skipped.size() == 1);
  CHECK(r.skipped[0].from.id == "m5");
  CHECK(r.skipped[0].to.id == "m5");
}

TEST_CASE("a conversation filtered everywhere ends in defaults after 8 calls") {
  world w;
  w.llm.judge = [](const llm::analysis_input&) { return std::optional{llm_failure(errc::refused)}; };
  w.say(1, "ann", "s1", 20);
  w.advance(seconds{2});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.size() <= 8);
  CHECK(w.store.records.at("s1").through->id == "m20");
}

TEST_CASE("a throttled call waits as long as the LLM asks, is not dead-lettered, and stops the others") {
  world w;
  auto slow = llm_failure(errc::throttled);
  slow.retry_after = milliseconds{20'000};
  w.llm.failures = {slow};
  w.say(1, "ann", "s1");
  w.run();
  w.say(2, "bob", "s2");
  w.advance(seconds{19});
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.bus.settled.empty());
  w.advance(seconds{10});
  CHECK(w.llm.calls.size() == 3);
  CHECK(w.bus.settled.size() == 2);
}

TEST_CASE("past the day's budget nothing is asked; the span is new again the next day") {
  auto s = plain_settings();
  s.llm_analyzer.budget_tokens_per_day = 100;
  world w{s};
  w.say(1, "ann", "s1");
  w.run();
  w.say(2, "ann", "s1", 4);
  w.run();
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
  REQUIRE(w.store.records.at("s1").skipped.size() == 1);
  CHECK(w.store.records.at("s1").skipped[0].reason == "budget");
  CHECK(w.store.records.at("s1").summary == "About m1 m2");

  w.advance(std::chrono::hours{24}, std::chrono::minutes{1});
  w.say(3, "ann", "s1", 5);
  w.run();
  CHECK(w.llm.calls.size() == 2);
  CHECK(w.llm.calls[1].messages == texts{"m3", "m4", "m5"});
  CHECK(w.store.records.at("s1").skipped.empty());
}

TEST_CASE("a crash of the analyzer does not give the day's budget anew") {
  auto s = plain_settings();
  s.llm_analyzer.budget_tokens_per_day = 100;
  world w{s};
  w.say(1, "ann", "s1");
  w.run();
  w.crash(actor_of::analyzer);
  w.advance(seconds{1});
  w.say(2, "bob", "s2");
  w.run();
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
}

TEST_CASE(
    "what the memory store refuses again is marked in the record and dead-lettered, and not paid for again") {
  world w;
  const auto refusal = fail(dependency::memory, errc::rejected, "no such field");
  w.store.refuse_writes = {refusal, refusal};
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.bus.settled.empty());
  w.advance(seconds{2});
  CHECK(w.bus.settled == texts{"1 dead-letter memory-rejected"});
  REQUIRE(w.store.writes.size() == 3);
  CHECK(w.store.writes[2].keep_summary);
  CHECK(w.store.records.at("s1").through->id == "m2");
  w.deliver(2, "ann", "s1");
  w.run();
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.bus.settled.back() == "2 complete");
}

TEST_CASE("a user forgotten in the meantime: the commit is dropped and the delivery completed") {
  world w;
  w.store.outcomes = {memory::commit_outcome::forgotten};
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.store.records.empty());
  CHECK(w.redis.answers.empty());
}

TEST_CASE("a record that stands behind is loaded anew and analysed again") {
  world w;
  w.store.outcomes = {memory::commit_outcome::reload};
  w.say(1, "ann", "s1");
  w.advance(seconds{1});
  CHECK(w.redis.fetches == 2);
  CHECK(w.store.records.at("s1").through->id == "m2");
  CHECK(w.bus.settled == texts{"1 complete"});
}

}  // namespace
}  // namespace mw::test
