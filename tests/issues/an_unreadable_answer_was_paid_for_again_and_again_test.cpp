// An answer that cannot be read costs as much as a good one. It was asked for again about twice a second for
// as long as that lasted.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

failure unreadable() {
  return fail(dependency::llm, errc::malformed, "as the case says");
}

TEST_CASE("a question whose answer cannot be read is asked again ever more slowly") {
  world w;
  w.llm.judge = [](const llm::analysis_input&) { return std::optional{unreadable()}; };
  w.say(1, "u", "s");
  w.advance(seconds{60});
  CHECK(w.llm.calls.size() >= 3);
  CHECK(w.llm.calls.size() <= 7);
  const size_t first_minute = w.llm.calls.size();
  w.advance(seconds{240});
  CHECK(w.llm.calls.size() - first_minute <= 6);
  CHECK(w.bus.settled.empty());
  w.llm.judge = nullptr;
  w.advance(seconds{400});
  CHECK(w.store.records.count("s") == 1);
}

TEST_CASE("a probe that is answered does not make everybody pay again") {
  world w;
  w.llm.judge = [](const llm::analysis_input&) { return std::optional{unreadable()}; };
  for (int i = 1; i <= 8; ++i) w.say(i, fmt::format("u{}", i), fmt::format("s{}", i));
  w.advance(seconds{60});
  CHECK(w.llm.calls.size() <= 8u * 7u);
  w.llm.judge = nullptr;
  w.advance(seconds{120});
  CHECK(w.store.records.size() == 8);
}

TEST_CASE("one user's unreadable answers hold up nobody else") {
  world w;
  w.llm.judge = [](const llm::analysis_input& in) {
    return in.user_id == "u1" ? std::optional{unreadable()} : std::nullopt;
  };
  for (int i = 1; i <= 5; ++i) w.say(i, fmt::format("u{}", i), fmt::format("s{}", i));
  w.advance(seconds{5});
  CHECK(w.store.records.size() == 4);
}

}  // namespace
}  // namespace mw::test
