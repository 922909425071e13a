// A worker was killed between saving an answer in Redis and storing it. Then the user asked to be forgotten.
// The event that came back found nothing to do, and the answer, with what the user had said, stayed in Redis
// for its time to live.
#include <doctest/doctest.h>

#include "actors/session_loader.hpp"
#include "protocol/memory/items.hpp"
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

TEST_CASE("an answer saved before an item was forgotten is not resumed, whichever worker saved it") {
  for (const bool of_older_worker : {false, true}) {
    CAPTURE(of_older_worker);
    world w;
    w.say(1, "ann", "s1", 2);
    w.run();
    REQUIRE(w.store.records.contains("s1"));
    // Asked with the old summary, saved, and the worker died. Then the item was forgotten.
    memory::commit saved;
    saved.user_id = std::string{"ann"};
    saved.session_id = std::string{"s1"};
    saved.base = w.store.records["s1"].through;
    saved.through = {"m4", "2026-01-01T00:00:00Z"};
    saved.span = {saved.through};
    saved.summary = std::string{"The user has a cat."};
    if (!of_older_worker) saved.unsaid.emplace();
    auto& user = w.store.profiles["ann"];
    user.user_id = std::string{"ann"};
    user.unsaid = {{memory::session_hash("s1"), memory::message_hash("m1"), "2026-01-02T00:00:00Z"}};
    const auto key = answer_key("ann", "s1");
    w.redis.answers[key] = memory_api::write_commit(saved);
    w.converse("ann", "s1", 4);
    w.deliver(2, "ann", "s1");
    w.run();
    CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
    REQUIRE(w.llm.calls.size() == 2);
    CHECK(w.llm.calls.back().messages == texts{"m3", "m4"});
    CHECK(w.store.records["s1"].summary != saved.summary);
    CHECK(w.redis.answers.empty());

    // The event that comes back finds nothing to do: the answer goes all the same.
    w.redis.answers[key] = memory_api::write_commit(saved);
    w.deliver(3, "ann", "s1");
    w.run();
    CHECK(w.redis.answers.empty());
  }
}

TEST_CASE("an item forgotten while the LLM is asked has the question asked again without it") {
  world w;
  w.say(1, "ann", "s1", 2);
  w.run();
  w.llm.holds = true;
  w.say(2, "ann", "s1", 4);
  w.run();
  REQUIRE(w.llm.held() == 1);
  auto& user = w.store.profiles["ann"];
  user.user_id = std::string{"ann"};
  user.unsaid = {{memory::session_hash("s1"), memory::message_hash("m1"), "2026-01-02T00:00:00Z"}};
  w.llm.summary = std::string{"The user has a cat and rows."};
  w.llm.answer_all();
  w.llm.holds = false;
  w.llm.summary = std::string{"The user rows a boat."};
  w.run();
  w.advance(seconds{60});
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
  CHECK(w.llm.calls.size() == 3);
  CHECK(w.store.records["s1"].summary == w.llm.summary);
}

}  // namespace mw::test
