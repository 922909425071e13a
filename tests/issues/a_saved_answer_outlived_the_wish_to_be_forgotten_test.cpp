// A worker was killed between saving an answer in Redis and storing it. Then the user asked to be forgotten.
// The event that came back found nothing to do, and the answer, with what the user had said, stayed in Redis
// for its time to live.
#include <doctest/doctest.h>

#include "actors/session_loader.hpp"
#include "tests/unit/actors/world.hpp"

namespace mw::test {

TEST_CASE("an answer saved before a wish to be forgotten leaves Redis with the event that comes back") {
  world w;
  w.converse("ann", "s1", 2);
  w.redis.answers[answer_key("ann", "s1")] = std::string{"what the user had said"};
  auto& tombstone = w.store.profiles["ann"];
  tombstone.user_id = std::string{"ann"};
  tombstone.epoch = 1;
  tombstone.forgotten_before = std::string{"2099-01-01T00:00:00.000000+00:00"};
  w.deliver(1, "ann", "s1");
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.empty());
  CHECK(w.redis.answers.empty());
}

}  // namespace mw::test
