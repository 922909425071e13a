// An LLM that answered 429 without Retry-After was asked again at once, 180 to 256 times a second with ten
// jobs.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

void throttles(milliseconds retry_after) {
  world w;
  w.llm.judge = [=](const llm::analysis_input&) {
    auto why = fail(dependency::llm, errc::throttled, "as the case says");
    why.retry_after = retry_after;
    return std::optional{why};
  };
  for (int i = 1; i <= 100; ++i) w.say(i, fmt::format("u{}", i), fmt::format("s{}", i));
  w.advance(std::chrono::minutes{1}, milliseconds{50});
  CHECK(w.llm.calls.size() <= 60);
  const size_t first_minutes = w.llm.calls.size();
  w.advance(std::chrono::minutes{6});
  CHECK(w.llm.calls.size() - first_minutes <= 100);
  CHECK(w.llm.calls.size() - first_minutes >= 30);
  CHECK(w.bus.drains == 0);
  CHECK(w.bus.settled.empty());
  w.llm.judge = nullptr;
  w.advance(seconds{60});
  CHECK(w.bus.settled.size() == 100);
  CHECK(w.store.records.size() == 100);
}

TEST_CASE(
    "an LLM that answers 429 and names no pause is asked ever more slowly, and is not taken to be down") {
  throttles(milliseconds{0});
}

}  // namespace
}  // namespace mw::test
