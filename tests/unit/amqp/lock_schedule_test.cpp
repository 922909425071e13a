#include "protocol/amqp/lock_schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/unit/amqp/lock_broker.hpp"

using namespace std::chrono_literals;
using mw::amqp::lock_schedule;
using mw::amqp::lock_token;
using mw::amqp::test::lock_broker;
using mw::amqp::test::number_of;
using mw::amqp::test::token_of;

namespace {

constexpr lock_schedule::time t0{1000s};

}  // namespace

TEST_CASE("lock schedule: a lock is renewed at about half its time, never near its end") {
  lock_schedule locks{7, {}};
  for (int64_t n = 1; n <= 200; ++n) {
    lock_schedule one{static_cast<uint64_t>(n), {}};
    one.hold(n, token_of(n), t0 + 60s, t0);
    REQUIRE(one.next_due());
    CHECK(*one.next_due() >= t0 + 24s);
    CHECK(*one.next_due() <= t0 + 36s);
    CHECK_FALSE(one.take_due(t0 + 23s));
  }
}

TEST_CASE("lock schedule: locks taken in one moment are renewed spread over time, in large batches") {
  lock_schedule locks{1, {}};
  constexpr int64_t count = 50'000;
  for (int64_t n = 1; n <= count; ++n) locks.hold(n, token_of(n), t0 + 60s, t0);
  lock_broker broker{locks, {}, {}};
  const size_t busiest = broker.run(t0, t0 + 300s);
  CHECK(broker.largest == 500);
  CHECK(busiest <= 40);                 // not all 100 batches at once
  CHECK(broker.renewals >= 8 * count);  // five minutes of half a minute each
  CHECK(broker.renewals <= 13 * count);
  CHECK(broker.requests <= broker.renewals / 250);
  CHECK(broker.reported.empty());
  CHECK(locks.size() == count);
}

TEST_CASE("lock schedule: no more requests are under way than the limit") {
  lock_schedule locks{1, {.batch = 10, .in_flight = 2}};
  for (int64_t n = 1; n <= 100; ++n) locks.hold(n, token_of(n), t0 + 60s, t0);
  const auto first = locks.take_due(t0 + 40s);
  const auto second = locks.take_due(t0 + 40s);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->tokens.size() == 10);
  CHECK_FALSE(locks.take_due(t0 + 40s));
  CHECK_FALSE(locks.next_due());
  locks.renewed(first->id, std::vector<lock_schedule::time>(10, t0 + 100s), t0 + 40s);
  CHECK(locks.take_due(t0 + 40s));
}

TEST_CASE("lock schedule: a batch with lost locks is halved until exactly the lost ones are found") {
  lock_schedule locks{3, {}};
  for (int64_t n = 1; n <= 500; ++n) locks.hold(n, token_of(n), t0 + 60s, t0);
  lock_broker broker{locks, {17, 18, 400}, {}};
  broker.run(t0 + 36s, t0 + 37s);
  std::sort(broker.reported.begin(), broker.reported.end());
  CHECK(broker.reported == std::vector<int64_t>{17, 18, 400});
  CHECK(broker.requests <= 60);
  CHECK(broker.renewals == 497);
  CHECK(locks.size() == 497);
  CHECK_FALSE(locks.holds(17));
}

TEST_CASE("lock schedule: after an outage longer than the locks nobody is asked thousands of times") {
  lock_schedule locks{3, {}};
  lock_broker broker{locks, {}, {}};
  for (int64_t n = 1; n <= 5000; ++n) {
    locks.hold(n, token_of(n), t0 + 60s, t0);
    broker.gone.insert(n);
  }
  broker.run(t0 + 90s, t0 + 91s);
  CHECK(broker.reported.size() == 5000);
  CHECK(broker.requests <= 10);
  CHECK(locks.size() == 0);
}

TEST_CASE("lock schedule: a settlement that crosses a renewal costs no other delivery its lock") {
  lock_schedule locks{3, {}};
  for (int64_t n = 1; n <= 4; ++n) locks.hold(n, token_of(n), t0 + 60s, t0);
  auto batch = locks.take_due(t0 + 40s);
  REQUIRE(batch);
  CHECK(locks.forget(2));  // completed meanwhile: the broker refuses the batch
  CHECK(locks.refused(batch->id, t0 + 40s).empty());
  batch = locks.take_due(t0 + 40s);
  REQUIRE(batch);
  CHECK(batch->tokens.size() == 3);
  CHECK(locks.size() == 3);
}

TEST_CASE("lock schedule: an answer about an older lock leaves a redelivery's new lock alone") {
  lock_schedule locks{3, {}};
  locks.hold(1, token_of(1), t0 + 60s, t0);
  const auto batch = locks.take_due(t0 + 40s);
  REQUIRE(batch);
  locks.hold(1, token_of(99), t0 + 100s, t0 + 40s);
  CHECK(locks.refused(batch->id, t0 + 41s).empty());
  CHECK(locks.holds(1));
  const auto next = locks.take_due(t0 + 80s);
  REQUIRE(next);
  CHECK(number_of(next->tokens.at(0)) == 99);
}

TEST_CASE("lock schedule: a renewal that failed is tried again before the lock ends, and after it") {
  lock_schedule locks{3, {}};
  locks.hold(1, token_of(1), t0 + 60s, t0);
  auto batch = locks.take_due(t0 + 40s);
  REQUIRE(batch);
  locks.failed(batch->id, t0 + 45s);
  REQUIRE(locks.next_due());
  CHECK(*locks.next_due() > t0 + 45s);
  CHECK(*locks.next_due() < t0 + 60s);
  batch = locks.take_due(t0 + 59s);
  REQUIRE(batch);
  locks.failed(batch->id, t0 + 61s);
  CHECK(locks.holds(1));
  REQUIRE(locks.next_due());
  CHECK(*locks.next_due() > t0 + 61s);
  batch = locks.take_due(t0 + 70s);
  REQUIRE(batch);
  CHECK(locks.refused(batch->id, t0 + 70s) == std::vector<int64_t>{1});
  CHECK(locks.size() == 0);
}

TEST_CASE("lock schedule: settling as fast as receiving leaves nothing behind") {
  lock_schedule locks{3, {}};
  for (int64_t n = 1; n <= 100'000; ++n) {
    locks.hold(n, token_of(n), t0 + 60s, t0);
    CHECK(locks.forget(n));
  }
  CHECK_FALSE(locks.next_due());
  CHECK_FALSE(locks.take_due(t0 + 60s));
  CHECK_FALSE(locks.forget(5));
}
