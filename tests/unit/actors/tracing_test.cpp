// What the actors tell of a job: its stages, calls, outcome and messages, whatever happens on the way.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

using namespace mw;
using namespace mw::test;

namespace {

std::string traceparent(int n) {
  return fmt::format("00-{:032x}-{:016x}-01", n, n);
}

size_t loads(const observe::job_trace& j) {
  return static_cast<size_t>(std::count_if(
      j.stages.begin(), j.stages.end(), [](const auto& s) { return s.what == observe::trace_stage::load; }));
}

}  // namespace

TEST_CASE("tracing: a stored conversation is one trace with load, call, write and settlement") {
  world w;
  w.converse("anna", "s1", 2);
  w.deliver(1, "anna", "s1", 0, traceparent(7));
  w.run();
  REQUIRE(w.traced.size() == 1);
  const auto& j = *w.traced[0];
  CHECK(j.ids.user() == "anna");
  CHECK(j.links == std::vector{*observe::parse_traceparent(traceparent(7))});
  CHECK(j.stages.size() == 2);
  REQUIRE(j.calls.size() == 1);
  CHECK(j.calls[0].purpose == "analysis");
  CHECK(j.calls[0].text == nullptr);
  CHECK(j.end == "committed");
  CHECK(j.error.empty());
  CHECK(j.disposition == "complete");
  CHECK(j.settle_error.empty());
}

TEST_CASE("tracing: every message of a window is linked, the next window's are not") {
  auto s = plain_settings();
  s.dispatcher.quiet = seconds{1};
  s.dispatcher.max_age = seconds{60};
  world w{s};
  w.converse("anna", "s1", 4);
  for (int n = 1; n <= 3; ++n) w.deliver(n, "anna", "s1", 0, traceparent(n));
  w.advance(seconds{3});
  REQUIRE(w.traced.size() == 1);
  CHECK(w.traced[0]->links.size() == 3);
  CHECK(w.traced[0]->events == 3);
  w.converse("anna", "s1", 6);
  w.deliver(4, "anna", "s1", 0, traceparent(4));
  w.advance(seconds{3});
  REQUIRE(w.traced.size() == 2);
  CHECK(w.traced[1]->links.size() == 1);
}

TEST_CASE("tracing: a job that is held through an outage is one trace with its failed pass") {
  world w;
  w.store.refuse_reads.push_back(fail(dependency::memory, errc::overloaded, "503"));
  w.say(1, "anna", "s1");
  w.advance(seconds{10});
  REQUIRE(w.traced.size() == 1);
  const auto& j = *w.traced[0];
  CHECK(j.attempts == 2);
  CHECK(loads(j) == 2);
  CHECK(j.stages[0].error == "overloaded");
  CHECK(j.error.empty());
}

TEST_CASE("tracing: a call that is repaired is two calls, and a dead-lettered message an error") {
  world w;
  w.llm.failures.push_back(fail(dependency::llm, errc::invalid_answer, "no summary"));
  w.say(1, "anna", "s1");
  w.run();
  REQUIRE(w.traced.size() == 1);
  REQUIRE(w.traced[0]->calls.size() == 2);
  CHECK(w.traced[0]->calls[0].error == "invalid-answer");
  CHECK(w.traced[0]->calls[1].purpose == "repair");
  w.deliver(2, "ben", "nowhere", 0, traceparent(2));
  w.advance(seconds{30});
  REQUIRE(w.traced.size() == 2);
  CHECK(w.traced[1]->error == "conversation-missing");
  CHECK(w.traced[1]->disposition == "dead-letter");
  CHECK(w.traced[1]->links.size() == 1);
}

TEST_CASE("tracing: when the dispatcher crashes its successor's job is the trace") {
  world w;
  w.llm.holds = true;
  w.converse("anna", "s1", 2);
  w.deliver(1, "anna", "s1", 0, traceparent(1));
  w.run();
  w.crash(actor_of::dispatcher);
  w.llm.holds = false;
  w.llm.answer_all();
  w.advance(seconds{5});
  REQUIRE(w.traced.size() == 1);
  CHECK(w.traced[0]->disposition == "complete");
}
