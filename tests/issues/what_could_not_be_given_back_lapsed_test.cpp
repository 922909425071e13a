// Only the link that received a delivery can give it back. After a reconnect `release` was reported done, the
// lock lapsed, and the higher count of the redelivery was misread as "giving back costs counts": everything
// was held six times as long from then on. What cannot be given back is held on.
#include <doctest/doctest.h>

#include "tests/unit/actors/world.hpp"
#include "tests/unit/amqp_bus/bus_fixture.hpp"
#include "tests/unit/flow/scene.hpp"

using mw::errc;
using namespace mw::flow;
using namespace mw::flow::test;

namespace {

/// The job of this session fails until `time` has passed.
void outage(scene& t, const std::string& session, duration time) {
  const auto end = t.now + time;
  while (t.now < end) {
    if (t.is_running(session)) t.fail(session, stage::analyse, errc::unreachable);
    t.pass(5s);
  }
}

void recover(scene& t) {
  for (const auto about : {mw::dependency::llm, mw::dependency::memory}) t.d->probed(about, true, t.now);
  t.pass(10s);
}

}  // namespace

TEST_CASE("a job that cannot be given back goes on where it was, and is not tried again and again") {
  scene t{scene::at_once()};
  t.deliver(1, "a", "a");
  t.finish(t.running("a"), job_end::partial, 2);
  outage(t, "a", 11min);
  REQUIRE(t.outcome(1) == "release dependency-down");
  CHECK(t.forgotten.empty());
  t.d->not_released(1, t.now);
  t.settlements.clear();
  outage(t, "a", 2h);
  CHECK(t.outcome(1).empty());
  recover(t);
  CHECK(t.running("a").calls_used == 2);
  t.commit("a");
  CHECK(t.outcome(1) == "complete committed");
  t.confirm();
  CHECK(t.d->deliveries() == 0);
  CHECK(t.d->held() == 0);
}

TEST_CASE("a window that cannot be given back is analysed when the outage is over") {
  scene t;
  t.deliver(1, "s");
  t.d->stage_lost(stage::load, 0, true, t.now);
  t.pass(30min);
  REQUIRE(t.outcome(1) == "release dependency-down");
  t.d->not_released(1, t.now);
  t.settlements.clear();
  SUBCASE("alone") {
    t.pass(2h);
    CHECK(t.outcome(1).empty());
    t.d->loader_demand(10, t.now);
    t.pass(2min);
    t.commit("s");
    CHECK(t.outcome(1) == "complete committed");
  }
  SUBCASE("a newer event covers it") {
    t.deliver(2, "s");
    CHECK(t.outcome(1) == "complete covered");
  }
}

TEST_CASE("a newer event that came before the answer covers what cannot be given back") {
  scene t{scene::at_once()};
  t.deliver(1, "a", "a");
  outage(t, "a", 11min);
  REQUIRE(t.outcome(1) == "release dependency-down");
  t.deliver(2, "a", "a");
  t.d->not_released(1, t.now);
  CHECK(t.outcome(1) == "complete covered");
  CHECK(t.forgotten.size() == 1);
}

TEST_CASE("after the link was lost nothing is given back, and a redelivery can be again") {
  scene t{scene::at_once()};
  t.deliver(1, "a", "a");
  t.d->receiver_lost();
  t.d->receiver_came();
  outage(t, "a", 30min);
  CHECK(t.outcome(1).empty());
  t.deliver(1, "a", "a", 1);  // its lock had ended
  outage(t, "a", 30s);
  CHECK(t.outcome(1) == "release dependency-down");
  t.confirm();
  t.deliver(1, "a", "a", 1);
  CHECK(t.noted(note::redelivery_count_rose) == 0);
}

TEST_CASE("a stop leaves to lapse what cannot be given back, says how many, and waits for nothing") {
  scene t{scene::at_once()};
  t.deliver(1, "before", "a");
  SUBCASE("known") {
    t.d->receiver_lost();
    t.deliver(2, "after", "b");
    t.d->abort(t.now);
  }
  SUBCASE("the bus says so") {
    t.deliver(2, "after", "b");
    t.d->abort(t.now);
    t.d->not_released(1, t.now);
  }
  CHECK(t.outcome(2) == "release shutdown");
  t.d->settled(2);
  t.d->intake_closed();
  CHECK(t.d->idle());
  CHECK(t.d->left_to_lapse() == 1);
  t.deliver(1, "before", "a", 1);
  CHECK(t.noted(note::redelivery_count_rose) == 0);
}

TEST_CASE("a link answers that it cannot release what another one received, and holds it on") {
  using namespace mw::amqp::test;
  dev_bus bus;
  bus.publish(1);
  client c{options_for(bus)};
  c.become_ready(1);
  c.wait([&] { return c.deliveries().size() == 1; });
  const int64_t n = c.deliveries()[0].sequence_number;
  bus.admin("POST", "/faults/detach", R"({"links":"receivers","condition":"amqp:link:detach-forced"})");
  c.wait([&] { return c.back() == 1; });
  c->settle(n, {mw::amqp::outcome_kind::release, "", ""});
  c.wait([&] { return c.not_released() == std::vector<int64_t>{n}; });
  CHECK(c.settled().empty());
  CHECK(c.settle(n));
  CHECK(bus.totals().completed == 1);
}

TEST_CASE("the whole way: what a lost link had received is held through the hold limit and stored after it") {
  using namespace mw::test;
  auto s = plain_settings();
  s.dispatcher.hold_limit = mw::test::seconds{60};
  world w{s};
  w.llm.well = false;
  w.llm.judge = [&](const mw::llm::analysis_input&) -> std::optional<mw::failure> {
    if (w.llm.well) return std::nullopt;
    return mw::fail(mw::dependency::llm, errc::unreachable, "no LLM");
  };
  w.say(1, "ann", "s1");
  w.run();
  SUBCASE("a new connection") {
    w.lose_bus();
    w.advance(mw::test::seconds{6});
    REQUIRE(w.bus.attached);
  }
  SUBCASE("the link alone") {
    w.bus.by_token.insert(1);
  }
  w.advance(mw::test::seconds{200}, mw::test::seconds{1});
  w.llm.well = true;
  w.advance(mw::test::seconds{60}, mw::test::seconds{1});
  CHECK(w.store.records.size() == 1);
  CHECK(w.bus.settled.back() == "1 complete");
  CHECK(std::count(w.bus.settled.begin(), w.bus.settled.end(), "1 release") <= 1);
}
