// Two replicas had events of one conversation. The second read the stored record, then the first stored its
// analysis and gave up the lease, then the second got the lease: by what it had read nothing was analysed
// yet, and the LLM was paid again.
#include <doctest/doctest.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {

TEST_CASE("what is stored is read after the conversation was leased: another replica's work is seen") {
  world w;
  w.redis.holds_leases = true;
  w.say(1, "ann", "s1");
  w.run();
  REQUIRE(w.redis.held.size() == 1);
  // Meanwhile the other replica, which had the lease, stores its work.
  auto& theirs = w.store.records["s1"];
  theirs.user_id = "ann";
  theirs.session_id = "s1";
  theirs.summary = "Theirs";
  theirs.through = memory::watermark{"m1", "2026-01-01T00:00:00Z"};
  w.redis.holds_leases = false;
  for (const auto& lease : std::exchange(w.redis.held, {})) lease();
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.empty());
  CHECK(w.store.records["s1"].summary == "Theirs");
}

}  // namespace mw::test
