// A stop said `drained` while credit was still out, and what the bus had sent on it stayed locked. A drain
// ends when the bus has answered the drain of every credit, and the give-back of what came meanwhile.
#include <doctest/doctest.h>

#include "tests/unit/actors/world.hpp"
#include "tests/unit/amqp_bus/bus_fixture.hpp"

using namespace mw::test;
using mw::errc;

TEST_CASE("a stop waits for the bus to answer the drain, and gives back what came meanwhile") {
  world w;
  w.bus.drains_slowly = true;
  w.converse("ann", "s1", 2);
  w.shut_down();
  CHECK_FALSE(w.ended());
  w.deliver(1, "ann", "s1");
  w.run();
  CHECK_FALSE(w.ended());
  CHECK(w.bus.settled.empty());
  w.bus.answers = false;
  w.bus.listener.drained();
  w.run();
  CHECK(w.bus.settled == texts{"1 release"});
  CHECK_FALSE(w.ended());
  w.bus.listener.settled(1, mw::ok);
  w.run();
  CHECK(w.ended());
}

TEST_CASE("a stop waits for a drain that an outage had begun before") {
  world w;
  w.bus.drains_slowly = true;
  w.redis.reachable = false;
  w.lose_redis();
  REQUIRE(w.bus.drains == 1);
  w.shut_down();
  w.deliver(1, "ann", "s1");
  w.run();
  CHECK_FALSE(w.ended());
  w.bus.listener.drained();
  w.run();
  CHECK(w.bus.settled == texts{"1 release"});
  CHECK(w.ended());
}

TEST_CASE("a stop waits for the credit of a dispatcher that has crashed before") {
  world w;
  w.bus.drains_slowly = true;
  w.crash(actor_of::dispatcher);
  w.advance(seconds{1});
  REQUIRE(w.starts(actor_of::dispatcher) == 2);
  REQUIRE(w.bus.drains == 1);
  w.shut_down();
  w.deliver(1, "ann", "s1");
  w.run();
  CHECK_FALSE(w.ended());
  while (w.bus.drains > 0) {
    --w.bus.drains;
    CHECK_FALSE(w.ended());
    w.bus.listener.drained();
    w.run();
  }
  CHECK(w.bus.settled == texts{"1 release"});
  CHECK(w.ended());
}

TEST_CASE("a stop does not wait for a bus that is away, nor for the drain of a link that has ended") {
  world w;
  w.bus.drains_slowly = true;
  SUBCASE("lost before") {
    w.bus.reachable = false;
    w.lose_bus();
    w.shut_down();
  }
  SUBCASE("lost while it drains") {
    w.shut_down();
    CHECK_FALSE(w.ended());
    w.lose_bus();
  }
  CHECK(w.ended());
  CHECK(w.end_reason().empty());
}

TEST_CASE("a receiver that comes back while the worker drains is granted no credit") {
  world w;
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.shut_down();
  w.lose_bus();
  w.advance(seconds{6});
  REQUIRE(w.bus.attached);
  CHECK(w.bus.credit == 0);
  CHECK_FALSE(w.ended());
  w.llm.answer_all();
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.ended());
}

TEST_CASE("a drain is over when its link ends after another link of the same connection") {
  using namespace mw::amqp::test;
  constexpr const char* forced = "amqp:link:detach-forced";
  dev_bus bus;
  auto options = options_for(bus);
  options.operation_timeout = std::chrono::minutes{1};
  options.reattach = {std::chrono::minutes{1}, std::chrono::minutes{1}, std::chrono::minutes{1}};
  client c{options};
  c.become_ready(5);
  bus.step([&](mw::devstack::broker& b) { b.detach_links("management", nullptr, forced, ""); });
  c.wait([&] { return !c.away().empty(); });
  bus.step([&](mw::devstack::broker& b) {
    c->drain();
    std::promise<void>
        asked;  // what is asked of the link is done in its order; without a node it fails at once
    c->peek(0, 1, [&](const auto&) { asked.set_value(); });
    asked.get_future().wait();
    b.detach_links("receivers", nullptr, forced, "");
  });
  c.wait([&] { return c.drained() == 1; });
}
