// After an outage of the LLM an invalid answer became a placeholder, and its facts were lost: failed calls
// had used up the calls of the delivery.
#include <doctest/doctest.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

failure llm_failure(errc code) {
  return fail(dependency::llm, code, "as the case says");
}

/// One delivery that meets this trouble for 75 s, then an invalid answer, then a good one.
void trouble_then_an_invalid_answer(errc trouble) {
  world w;
  w.llm.judge = [&](const llm::analysis_input&) { return std::optional{llm_failure(trouble)}; };
  w.say(1, "ann", "s1");
  w.advance(seconds{75});
  w.llm.judge = nullptr;
  w.llm.failures = {llm_failure(errc::invalid_answer)};
  w.advance(seconds{60});
  CHECK(w.llm.calls.back().limits.repair_answer == "the raw answer");
  CHECK(w.bus.settled == texts{"1 complete"});
  REQUIRE(w.store.records.contains("s1"));
  CHECK(w.store.records.at("s1").status == memory::record_status::ok);
  CHECK(w.store.records.at("s1").skipped.empty());
}

TEST_CASE("an answer that is invalid after an outage is repaired, however often the LLM failed before") {
  for (const errc trouble : {errc::overloaded, errc::timed_out, errc::unreachable, errc::connection_lost,
                             errc::throttled, errc::unauthorized, errc::malformed}) {
    INFO(to_string(trouble));
    trouble_then_an_invalid_answer(trouble);
  }
}

TEST_CASE("an outage between the parts of a long conversation uses up none of its calls") {
  world w;
  w.llm.failures = {llm_failure(errc::context_too_long)};
  for (int i = 0; i < 12; ++i) w.llm.failures.push_back(llm_failure(errc::overloaded));
  w.llm.failures.push_back(llm_failure(errc::invalid_answer));
  w.say(1, "ann", "s1", 8);
  w.advance(seconds{120});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.store.records.at("s1").skipped.empty());
  CHECK(w.store.records.at("s1").through->id == "m8");
}

}  // namespace
}  // namespace mw::test
