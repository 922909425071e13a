#include "protocol/flow/breaker.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using namespace mw::flow;

namespace {
const time_point start = time_point{} + 1000h;
const breaker_policy policy{5, 5s, 30s};

breaker opened_by(bool refused) {
  breaker b{policy};
  for (uint64_t job = 1; job <= 5; ++job) b.failure_of(job, refused, start);
  return b;
}
}  // namespace

TEST_CASE("breaker: opens after so many distinct jobs failed, and says so once") {
  breaker b{policy};
  for (uint64_t job = 1; job <= 4; ++job) CHECK_FALSE(b.failure_of(job, false, start));
  CHECK_FALSE(b.is_open());
  CHECK(b.failure_of(5, false, start + 1s));
  CHECK(b.is_open());
  CHECK(b.opened_at() == start + 1s);
  for (uint64_t job = 6; job <= 20; ++job) CHECK_FALSE(b.failure_of(job, false, start + 2s));
}

TEST_CASE("breaker: one job that fails for ever does not open it") {
  breaker b{policy};
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(b.failure_of(1, false, start));
  CHECK_FALSE(b.is_open());
}

TEST_CASE("breaker: a success between the failures starts the count anew") {
  breaker b{policy};
  for (uint64_t job = 1; job <= 4; ++job) b.failure_of(job, false, start);
  b.success(start);
  for (uint64_t job = 5; job <= 8; ++job) CHECK_FALSE(b.failure_of(job, false, start));
  CHECK_FALSE(b.is_open());
}

TEST_CASE("breaker: while open one probe at most every probe interval") {
  breaker b = opened_by(false);
  CHECK_FALSE(b.take_probe(start + 4s));
  CHECK(b.take_probe(start + 5s));
  CHECK_FALSE(b.take_probe(start + 9s));
  CHECK(b.next_probe() == start + 10s);
  CHECK(b.take_probe(start + 10s));
}

TEST_CASE("breaker: failures of what was on its way do not put off the next probe") {
  breaker b = opened_by(false);
  for (uint64_t job = 10; job < 100; ++job) b.failure_of(job, false, start + 4s);
  CHECK(b.take_probe(start + 5s));
}

TEST_CASE("breaker: a refusal is probed slowly") {
  breaker b = opened_by(true);
  CHECK_FALSE(b.take_probe(start + 29s));
  CHECK(b.take_probe(start + 30s));
  CHECK(b.next_probe() == start + 60s);
}

TEST_CASE("breaker: a success closes it and the count begins at nothing") {
  breaker b = opened_by(true);
  b.success(start + 7s);
  CHECK_FALSE(b.is_open());
  CHECK(b.closed_at() == start + 7s);
  CHECK_FALSE(b.take_probe(start + 60s));
  for (uint64_t job = 1; job <= 4; ++job) CHECK_FALSE(b.failure_of(job, false, start + 8s));
  CHECK(b.failure_of(9, false, start + 8s));
  CHECK(b.next_probe() == start + 13s);
}

TEST_CASE("breaker: a lost connection opens it at once; opening twice keeps the first time") {
  breaker b{policy};
  b.force_open(start);
  b.force_open(start + 3s);
  CHECK(b.is_open());
  CHECK(b.opened_at() == start);
  CHECK(b.take_probe(start + 5s));
}
