// After a reconnect one bad answer to a renewal lost up to 500 locks: their end was taken for that of their
// first receipt. And a renewal without an answer was tried again too late. Only the broker says that a lock
// is lost.
#include <doctest/doctest.h>

#include <set>

#include "protocol/amqp/lock_schedule.hpp"
#include "tests/unit/amqp/lock_broker.hpp"
#include "tests/unit/amqp_bus/bus_fixture.hpp"

using namespace std::chrono_literals;
using namespace mw::amqp;
using namespace mw::amqp::test;

namespace {

constexpr lock_schedule::time t0{1000s};
constexpr auto unknown = lock_schedule::time::max();

/// Renews for 30 s what is not gone.
lock_broker broker_without(lock_schedule& locks, std::set<int64_t> gone) {
  lock_broker b{locks, std::move(gone), {}};
  b.life = 30s;
  return b;
}

}  // namespace

TEST_CASE("adopted locks are renewed at once, and one bad answer loses none of them") {
  lock_schedule locks{1, {}};
  for (int64_t n = 1; n <= 500; ++n) locks.adopt(n, token_of(n), unknown, t0);
  auto batch = locks.take_due(t0);
  REQUIRE(batch);
  CHECK(batch->tokens.size() == 500);
  SUBCASE("a refusal to serve") {
    locks.failed(batch->id, t0);
  }
  SUBCASE("no answer") {
    locks.unanswered(batch->id, t0);
  }
  CHECK(locks.size() == 500);
  auto broker = broker_without(locks, {});
  broker.answer_all(t0 + 1s);
  CHECK(broker.requests == 1);
  REQUIRE(locks.next_due());
  CHECK(*locks.next_due() > t0 + 10s);
}

TEST_CASE("of adopted locks exactly those are lost that the broker does not know, whatever our clock says") {
  lock_schedule locks{1, {}};
  for (int64_t n = 1; n <= 500; ++n) locks.adopt(n, token_of(n), unknown, t0);
  auto broker = broker_without(locks, {17, 400});
  broker.answer_all(t0 + 1h);
  CHECK(std::set(broker.reported.begin(), broker.reported.end()) == std::set<int64_t>{17, 400});
  CHECK(broker.requests <= 45);
  CHECK(locks.size() == 498);
}

TEST_CASE(
    "a renewal without an answer may have been carried out: the end of the lock is unknown from then on") {
  lock_schedule locks{1, {}};
  locks.hold(1, token_of(1), t0 + 30s, t0);
  locks.hold(2, token_of(2), t0 + 30s, t0);
  const auto batch = locks.take_due(t0 + 20s);
  REQUIRE(batch);
  CHECK(batch->tokens.size() == 2);
  locks.unanswered(batch->id, t0 + 23s);
  // The broker had renewed them, and one was settled elsewhere since: it refuses the two of them.
  auto broker = broker_without(locks, {2});
  broker.answer_all(t0 + 31s);
  CHECK(broker.reported == std::vector<int64_t>{2});
  CHECK(locks.holds(1));
}

TEST_CASE(
    "a silence of two seconds costs no lock: every renewal is tried again several times within the lock") {
  lock_schedule locks{1, {}};
  constexpr auto time_out = 3s;
  for (int64_t n = 1; n <= 1000; ++n) locks.hold(n, token_of(n), t0 + 30s, t0);
  int tries = 0;
  auto now = t0;
  while (locks.next_due() && *locks.next_due() < t0 + 30s) {
    now = std::max(now, *locks.next_due());
    std::vector<uint64_t> asked;
    while (const auto b = locks.take_due(now)) asked.push_back(b->id);
    now += time_out;
    for (const uint64_t id : asked) locks.unanswered(id, now);
    ++tries;
  }
  CHECK(tries >= 4);
  CHECK(locks.size() == 1000);
}

TEST_CASE("after an outage longer than the locks thousands of adopted ones cost a few requests") {
  lock_schedule locks{1, {}};
  auto broker = broker_without(locks, {});
  for (int64_t n = 1; n <= 5000; ++n) {
    locks.adopt(n, token_of(n), t0, t0 + 1s);  // nobody can have renewed them beyond t0
    broker.gone.insert(n);
  }
  broker.answer_all(t0 + 1s);
  CHECK(broker.reported.size() == 5000);
  CHECK(broker.requests <= 10);
}

TEST_CASE("while lost locks are looked for one by one the others are renewed in time") {
  lock_schedule locks{1, {.batch = 10, .in_flight = 3}};
  for (int64_t n = 1; n <= 40; ++n) locks.adopt(n, token_of(n), unknown, t0);
  std::vector<uint64_t> asked;
  while (const auto b = locks.take_due(t0)) asked.push_back(b->id);
  REQUIRE(asked.size() == 3);
  for (const uint64_t id : asked) locks.refused(id, t0);
  std::vector<size_t> sizes;
  while (const auto b = locks.take_due(t0)) sizes.push_back(b->tokens.size());
  CHECK(sizes == std::vector<size_t>{5, 5, 10});
}

TEST_CASE("a link that adopts locks keeps every one through bad answers to its first renewal") {
  dev_bus bus;
  bus.publish(20);
  std::vector<held_lock> locks;
  {
    client first{options_for(bus)};
    first.become_ready(20);
    first.wait([&] { return first.deliveries().size() == 20; });
    for (const auto& d : first.deliveries()) locks.push_back({d.sequence_number, d.token});
  }
  bus.admin("POST", "/faults/management",
            R"({"count":2,"operation":"com.microsoft:renew-lock","status":500})");
  client second{options_for(bus)};
  second->adopt(locks);
  second.become_ready();
  eventually([&] { return second->counters().renewed == 20; });
  CHECK(second.lost().empty());
  for (const auto& l : locks) CHECK(second.settle(l.sequence_number));
  CHECK(bus.totals().completed == 20);
}
