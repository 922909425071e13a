#include <doctest/doctest.h>
#include <fmt/format.h>

#include "actors/restart_policy.hpp"
#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

std::vector<int> starts(const world& w) {
  std::vector<int> out;
  for (const auto which :
       {actor_of::writer, actor_of::analyzer, actor_of::loader, actor_of::dispatcher, actor_of::receiver})
    out.push_back(w.starts(which));
  return out;
}

TEST_CASE("one-for-one: only the actor that ended is started again") {
  world w;
  w.crash(actor_of::loader);
  w.advance(seconds{1});
  CHECK(starts(w) == std::vector{1, 1, 2, 1, 1});
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
}

TEST_CASE("rest-for-one: what was started after it is started again with it, and work goes on") {
  auto s = plain_settings();
  s.session_loader.restart = config::restart_strategy::rest_for_one;
  world w{s};
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.crash(actor_of::loader);
  w.advance(seconds{1});
  CHECK(starts(w) == std::vector{1, 1, 2, 2, 2});
  w.llm.holds = false;
  w.llm.answer_all();
  w.deliver(1, "ann", "s1", 1);
  w.advance(seconds{1});
  CHECK(w.bus.settled == texts{"1 complete"});
}

TEST_CASE("every actor may crash once, in any order, and the worker goes on") {
  for (const auto which :
       {actor_of::writer, actor_of::analyzer, actor_of::loader, actor_of::dispatcher, actor_of::receiver}) {
    world w;
    w.llm.holds = true;
    w.say(1, "ann", "s1");
    w.run();
    w.crash(which);
    w.advance(seconds{2});
    w.llm.holds = false;
    w.llm.answer_all();
    w.advance(seconds{2});
    w.say(2, "bob", "s2");
    w.advance(seconds{2});
    CHECK(w.bus.settled.size() == 2);
    CHECK(w.store.records.size() == 2);
    CHECK(w.bytes_held() == 0);
    CHECK(w.answers_kept() == 0);
  }
}

TEST_CASE("beyond the restart intensity the worker gives up with an error") {
  auto s = plain_settings();
  s.supervisor.max_restarts = 3;
  world w{s};
  for (int i = 0; i < 3; ++i) {
    w.crash(actor_of::analyzer);
    w.advance(seconds{2});
    CHECK_FALSE(w.ended());
  }
  w.crash(actor_of::analyzer);
  CHECK(w.ended());
  CHECK(w.end_reason().find("restart intensity exceeded") != std::string::npos);
}

TEST_CASE(
    "on shutdown windows are given back uncounted, running jobs are finished, then the worker ends "
    "normally") {
  auto s = plain_settings();
  s.dispatcher.quiet = seconds{60};
  world w{s};
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.advance(seconds{61}, seconds{1});
  CHECK(w.llm.held() == 1);
  w.say(2, "bob", "s2");
  w.run();
  w.shut_down();
  CHECK(w.bus.settled == texts{"2 release"});
  CHECK(w.bus.credit == 0);
  CHECK_FALSE(w.ended());
  w.llm.answer_all();
  w.run();
  CHECK(w.bus.settled == texts{"2 release", "1 complete"});
  CHECK(w.ended());
  CHECK(w.end_reason().empty());
}

TEST_CASE("what is given back waits until the link has no credit: the bus would hand it straight back") {
  auto s = plain_settings();
  s.supervisor.drain_limit = seconds{20};
  world w{s};
  w.llm.holds = true;
  w.bus.drains_slowly = true;
  w.say(1, "ann", "s1");
  w.run();
  w.shut_down();
  w.advance(seconds{21});
  CHECK(w.bus.drains == 1);
  CHECK(w.bus.settled.empty());
  w.bus.listener.drained();
  w.run();
  CHECK(w.bus.settled == texts{"1 release"});
  CHECK(w.ended());
}

TEST_CASE("past the drain limit what still runs is given back") {
  auto s = plain_settings();
  s.supervisor.drain_limit = seconds{20};
  world w{s};
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.shut_down();
  w.advance(seconds{19});
  CHECK(w.bus.settled.empty());
  w.advance(seconds{2});
  CHECK(w.bus.settled == texts{"1 release"});
  CHECK(w.ended());
  CHECK(w.end_reason().empty());
}

TEST_CASE(
    "a dispatcher that crashes while the worker drains: its successor takes nothing and gives everything "
    "back") {
  world w;
  w.llm.holds = true;
  w.say(1, "ann", "s1");
  w.run();
  w.shut_down();
  w.crash(actor_of::dispatcher);
  CHECK(w.ended());
  CHECK(w.end_reason().empty());
  CHECK(w.bus.credit == 0);
  CHECK(w.bus.settled == texts{"1 release"});
}

TEST_CASE("restart policy: delays double up to the limit, and start again after a quiet period") {
  std::mt19937_64 random{7};
  restart_policy p{restart_options{100, seconds{30}, milliseconds{100}, seconds{30}}};
  flow::time_point now{std::chrono::hours{1}};
  p.started(now);
  milliseconds ceiling{100};
  for (int i = 0; i < 12; ++i) {
    const auto delay = p.ended(child_end::crashed, now, random);
    REQUIRE(delay);
    CHECK(*delay >= ceiling / 2);
    CHECK(*delay <= ceiling);
    ceiling = std::min<milliseconds>(ceiling * 2, seconds{30});
  }
  CHECK(*p.ended(child_end::lost, now, random) <= restart_policy::reconnect_max);
  CHECK(*p.ended(child_end::crashed, now + seconds{31}, random) <= milliseconds{100});
}

TEST_CASE(
    "restart policy: a busy dependency gets four seconds and more, one that refuses us gets a long pause") {
  std::mt19937_64 random{7};
  restart_policy p{restart_options{1, seconds{30}, milliseconds{100}, seconds{30}}};
  const flow::time_point now{std::chrono::hours{1}};
  p.started(now);
  milliseconds least{4'000};
  for (int i = 0; i < 10; ++i) {
    const auto delay = p.ended(child_end::busy, now, random);
    CHECK(*delay >= least);
    CHECK(*delay <= least * 3 / 2);
    least = std::min(least * 2, milliseconds{32'000});
  }
  for (int i = 0; i < 100; ++i) {
    const auto delay = p.ended(child_end::refused, now, random);
    CHECK(*delay >= seconds{30});
    CHECK(*delay <= seconds{60});
  }
}

TEST_CASE("restart policy: lost connections never count, crashes count within the period only") {
  std::mt19937_64 random{7};
  restart_policy p{restart_options{2, seconds{30}, milliseconds{100}, seconds{30}}};
  flow::time_point now{std::chrono::hours{1}};
  p.started(now);
  for (int i = 0; i < 50; ++i) CHECK(p.ended(child_end::lost, now, random));
  CHECK(p.ended(child_end::crashed, now, random));
  CHECK(p.ended(child_end::crashed, now, random));
  CHECK(p.ended(child_end::crashed, now + seconds{31}, random));
  CHECK(p.ended(child_end::crashed, now + seconds{31}, random));
  CHECK_FALSE(p.ended(child_end::crashed, now + seconds{31}, random));
}

}  // namespace
}  // namespace mw::test
