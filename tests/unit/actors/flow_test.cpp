#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

TEST_CASE("an event becomes a stored memory, and only then is its delivery completed") {
  world w;
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.history == texts{"stored s1", "settled 1 complete"});
  CHECK(w.store.records.at("s1").summary == "About m1 m2");
  CHECK(w.store.records.at("s1").through->id == "m2");
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.redis.answers.empty());
  CHECK(w.bytes_held() == 0);
  CHECK(w.answers_kept() == 0);
}

TEST_CASE("as long as the memory store has not answered, nothing is settled and the answer is saved") {
  world w;
  w.store.holds = true;
  w.say(1, "ann", "s1");
  w.advance(seconds{30});
  CHECK(w.bus.settled.empty());
  CHECK(w.redis.answers.size() == 1);
  w.store.let_go();
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.redis.answers.empty());
}

TEST_CASE("an event that the stored record covers costs no call") {
  world w;
  w.say(1, "ann", "s1");
  w.run();
  w.deliver(2, "ann", "s1");
  w.run();
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
}

TEST_CASE("another user's conversation is dead-lettered and the LLM never sees it") {
  world w;
  w.converse("ann", "s1", 2);
  w.deliver(1, "bob", "s1");
  w.run();
  CHECK(w.bus.settled == texts{"1 dead-letter session-owner-mismatch"});
  CHECK(w.llm.calls.empty());
}

TEST_CASE("a body that is no event is dead-lettered by the same way as everything else") {
  world w;
  amqp::incoming in;
  in.sequence_number = 5;
  in.body = std::string{"not json"};
  w.bus.listener.delivery(in);
  w.run();
  CHECK(w.bus.settled == texts{"5 dead-letter invalid-event"});
}

TEST_CASE("a missing conversation is read again for some seconds before it is dead-lettered") {
  world w;
  w.deliver(1, "ann", "s1");
  w.advance(seconds{2});
  CHECK(w.bus.settled.empty());
  SUBCASE("it comes late") {
    w.converse("ann", "s1", 1);
    w.advance(seconds{2});
    CHECK(w.bus.settled == texts{"1 complete"});
    CHECK(w.store.records.contains("s1"));
  }
  SUBCASE("it never comes") {
    w.advance(seconds{5});
    CHECK(w.bus.settled == texts{"1 dead-letter conversation-not-found"});
  }
}

TEST_CASE("a conversation that another replica works on waits without a call, and is covered by its work") {
  world w;
  w.redis.leased_elsewhere.insert("lease:ann:s1");
  w.say(1, "ann", "s1");
  w.say(2, "bob", "s2");
  w.advance(seconds{20});
  CHECK(w.bus.settled == texts{"2 complete"});
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.redis.fetches < 20);
  size_t calls = 1;
  SUBCASE("the other commits") {
    auto& theirs = w.store.records["s1"];
    theirs.user_id = "ann";
    theirs.session_id = "s1";
    theirs.summary = "Theirs";
    theirs.through = memory::watermark{"m2", "2026-01-01T00:00:00Z"};
  }
  SUBCASE("the other dies, and its lease with it") {
    w.redis.leased_elsewhere.clear();
    calls = 2;
  }
  w.advance(seconds{10});
  CHECK(w.bus.settled == texts{"2 complete", "1 complete"});
  CHECK(w.llm.calls.size() == calls);
  CHECK(w.redis.leases.empty());
  CHECK(w.bytes_held() == 0);
}

TEST_CASE("a conversation is leased while its job lives, however long that is, and no longer") {
  world w;
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.redis.leases == std::set<std::string>{"lease:ann:s1"});
  CHECK(w.redis.renewals == 0);
  w.advance(seconds{50});
  CHECK(w.redis.renewals == 2);
  w.llm.answer_all();
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.redis.leases.empty());
}

TEST_CASE("with windows a chat is analysed once, when it has been quiet, and older events are covered") {
  auto s = plain_settings();
  s.dispatcher.quiet = seconds{60};
  world w{s};
  w.say(1, "ann", "s1", 2);
  w.advance(seconds{30});
  w.say(2, "ann", "s1", 4);
  w.advance(seconds{50});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.empty());
  w.advance(seconds{12}, seconds{1});
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
  CHECK(w.store.records.at("s1").through->id == "m4");
}

TEST_CASE("a stalled LLM stops the source: jobs, credit and bytes stay bounded") {
  world w;
  w.llm.holds = true;
  int64_t sequence = 0;
  while (w.bus.credit > 0 && sequence < 10'000) {
    ++sequence;
    w.say(sequence, fmt::format("user-{}", sequence), fmt::format("s{}", sequence));
    w.run();
  }
  CHECK(sequence < 200);
  CHECK(w.llm.held() == 10);
  CHECK(w.redis.fetches == 10);
  w.advance(seconds{30});
  CHECK(w.bus.credit == 0);
  CHECK(w.llm.held() == 10);
  while (w.llm.held() > 0) {
    w.llm.answer_all();
    w.run();
  }
  CHECK(w.bus.settled.size() == static_cast<size_t>(sequence));
  CHECK(w.bus.credit > 0);
  CHECK(w.bytes_held() == 0);
}

TEST_CASE("no call is made without a slot of the writer") {
  world w;
  w.crash(actor_of::writer);
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.llm.calls.empty());
  w.advance(seconds{1});
  CHECK(w.starts(actor_of::writer) == 2);
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.bus.settled == texts{"1 complete"});
}

TEST_CASE("conversations wait for room in the byte budget, and none is left waiting") {
  auto s = plain_settings();
  s.dispatcher.bytes_in_flight = 5'000;
  world w{s};
  w.llm.holds = true;
  for (int n = 1; n <= 8; ++n) w.say(n, fmt::format("user-{}", n), fmt::format("s{}", n), 4);
  w.run();
  CHECK(w.llm.held() < 8);
  CHECK(w.llm.held() >= 1);
  CHECK(w.bytes_held() <= 5'000);
  for (int round = 0; round < 8; ++round) {
    w.llm.answer_all();
    w.run();
  }
  CHECK(w.bus.settled.size() == 8);
  CHECK(w.bytes_held() == 0);
}

}  // namespace
}  // namespace mw::test
