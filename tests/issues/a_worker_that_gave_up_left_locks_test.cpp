// Beyond the restart intensity the worker ended at once, and everything it held stayed locked. It drains
// first: what can be finished without the actor that is gone is finished, the rest is given back uncounted.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/actors/world.hpp"

using namespace mw::test;

namespace {

mw::config::settings no_restarts() {
  auto s = plain_settings();
  s.supervisor.max_restarts = 0;
  return s;
}

bool gave_up(const world& w) {
  return w.end_reason().find("restart intensity exceeded") != std::string::npos;
}

}  // namespace

TEST_CASE(
    "a stage that is gone: what would have to pass it is given back at once, the worker ends with an error") {
  auto which = actor_of::analyzer;
  SUBCASE("the analyzer") {}
  SUBCASE("the writer") {
    which = actor_of::writer;
  }
  world w{no_restarts()};
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  REQUIRE(w.llm.held() == 1);
  w.crash(which);
  CHECK(w.bus.settled == texts{"1 release"});
  CHECK(w.bus.credit == 0);
  CHECK(w.ended());
  CHECK(gave_up(w));
}

TEST_CASE("a loader that is gone: what it has loaded before is finished") {
  world w{no_restarts()};
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.redis.holds = true;
  w.say(2, "bob", "s2");
  w.run();
  w.crash(actor_of::loader);
  CHECK(w.bus.settled == texts{"2 release"});
  CHECK_FALSE(w.ended());
  w.llm.answer_all();
  w.run();
  CHECK(w.bus.settled == texts{"2 release", "1 complete"});
  CHECK(w.store.records.size() == 1);
  CHECK(w.ended());
  CHECK(gave_up(w));
}

TEST_CASE("a dispatcher that is gone: a last one gives back what the receiver replays to it") {
  world w{no_restarts()};
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.say(2, "bob", "s2");
  w.run();
  w.bus.drains_slowly = true;
  w.crash(actor_of::dispatcher);
  CHECK_FALSE(w.ended());
  CHECK(w.starts(actor_of::dispatcher) == 2);
  w.deliver(3, "ann", "s1");  // on the credit that was out
  w.run();
  w.bus.listener.drained();
  w.run();
  auto settled = w.bus.settled;
  std::sort(settled.begin(), settled.end());
  CHECK(settled == texts{"1 release", "2 release", "3 release"});
  CHECK(w.llm.calls.size() == 2);
  CHECK(w.ended());
  CHECK(gave_up(w));
}

TEST_CASE("a dispatcher whose successor crashes as well ends the worker") {
  world w{no_restarts()};
  w.bus.drains_slowly = true;
  w.crash(actor_of::dispatcher);
  REQUIRE_FALSE(w.ended());
  w.crash(actor_of::dispatcher);
  CHECK(w.ended());
  CHECK(gave_up(w));
}

TEST_CASE("a receiver that is gone is started a last time to settle what runs") {
  world w{no_restarts()};
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.crash(actor_of::receiver);
  CHECK_FALSE(w.ended());
  CHECK(w.bus.credit == 0);
  w.llm.answer_all();
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.ended());
  CHECK(gave_up(w));
}

TEST_CASE("a stop asked for while the worker gives up does not make it a clean one") {
  world w{no_restarts()};
  w.llm.holds = true;
  w.bus.drains_slowly = true;
  w.say(1, "ann", "s1");
  w.run();
  w.crash(actor_of::writer);
  w.shut_down();
  CHECK_FALSE(w.ended());
  w.bus.listener.drained();
  w.run();
  CHECK(w.bus.settled == texts{"1 release"});
  CHECK(w.ended());
  CHECK(gave_up(w));
}
