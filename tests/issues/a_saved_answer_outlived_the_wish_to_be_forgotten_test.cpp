// A worker was killed between saving an answer in Redis and storing it. Then the user asked to be forgotten.
// The event that came back found nothing to do, and the answer, with what the user had said, stayed in Redis
// for its time to live.
#include <doctest/doctest.h>

#include "actors/session_loader.hpp"
#include "protocol/memory_api/commit_json.hpp"
#include "tests/unit/actors/world.hpp"

namespace mw::test {

TEST_CASE("an answer saved before a wish to be forgotten leaves Redis with the event that comes back") {
  world w;
  w.converse("ann", "s1", 2);
  const auto key = answer_key("ann", "s1");
  memory::commit saved;
  saved.user_id = std::string{"ann"};
  saved.session_id = std::string{"s1"};
  saved.summary = std::string{"what the user had said"};
  saved.through = {"m1", "2026-01-01T00:00:00Z"};
  saved.span = {saved.through};
  auto& tombstone = w.store.profiles["ann"];
  tombstone.user_id = std::string{"ann"};
  tombstone.epoch = 1;
  tombstone.forgotten_before = std::string{"2099-01-01T00:00:00.000000+00:00"};
  w.redis.answers[key] = memory_api::write_commit(saved);
  w.deliver(1, "ann", "s1");
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.empty());
  CHECK(w.redis.answers.empty());

  // One that was made after the wish is a later event's, which a crash kept from being stored.
  saved.epoch = 1;
  saved.profile_existed = true;
  saved.forgotten_before = tombstone.forgotten_before;
  w.redis.answers[key] = memory_api::write_commit(saved);
  w.deliver(2, "ann", "s1");
  w.run();
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
  CHECK(w.redis.answers.contains(key));
}

}  // namespace mw::test
