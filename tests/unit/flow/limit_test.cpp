#include "protocol/flow/limit.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using namespace mw::flow;

namespace {

const time_point start = time_point{} + 1000h;

/// As many calls as the limit allows, all successful.
void round_of_successes(in_flight_limit& l, time_point now) {
  uint32_t n = 0;
  while (l.may_start(now)) {
    l.started();
    ++n;
  }
  for (; n > 0; --n) l.succeeded();
}

void push_back(in_flight_limit& l, duration retry_after, time_point now) {
  l.started();
  l.pushed_back(retry_after, now);
}

}  // namespace

TEST_CASE("limit: never more in flight than the limit, never more than the maximum") {
  in_flight_limit l{10, 4};
  for (int i = 0; i < 4; ++i) {
    CHECK(l.may_start(start));
    l.started();
  }
  CHECK_FALSE(l.may_start(start));
  l.ended();
  CHECK(l.may_start(start));
  CHECK(in_flight_limit{3, 16}.limit() == 3);
  CHECK(in_flight_limit{0, 0}.limit() == 1);
}

TEST_CASE("limit: doubles per round until the first push-back, then grows by one per round") {
  in_flight_limit l{100, 4};
  round_of_successes(l, start);
  CHECK(l.limit() == 8);
  round_of_successes(l, start);
  CHECK(l.limit() == 16);
  push_back(l, 0s, start);
  CHECK(l.limit() == 14);
  round_of_successes(l, start);
  CHECK(l.limit() == 15);
  for (int i = 0; i < 200; ++i) round_of_successes(l, start);
  CHECK(l.limit() == 100);
}

TEST_CASE("limit: many push-backs at once are one cut; it never falls below one") {
  in_flight_limit l{100, 50};
  for (int i = 0; i < 20; ++i) push_back(l, 0s, start);
  CHECK(l.limit() == 45);
  push_back(l, 0s, start + 1s);
  CHECK(l.limit() == 40);
  for (int i = 2; i < 100; ++i) push_back(l, 0s, start + std::chrono::seconds{i});
  CHECK(l.limit() == 1);
  CHECK(l.in_flight() == 0);
  CHECK(l.may_start(start + 100s));
}

TEST_CASE("limit: a pause the peer named is obeyed, the longest one") {
  in_flight_limit l{100, 50};
  push_back(l, 20s, start);
  push_back(l, 5s, start);
  CHECK(l.paused_until() == start + 20s);
  CHECK_FALSE(l.may_start(start + 19s));
  CHECK(l.may_start(start + 20s));
}

TEST_CASE("limit: a nonsensical pause counts as none") {
  in_flight_limit l{100, 50};
  push_back(l, -5s, start);
  CHECK(l.may_start(start));
}

TEST_CASE("limit: calls that say nothing about load neither raise nor lower it") {
  in_flight_limit l{100, 4};
  for (int i = 0; i < 50; ++i) {
    l.started();
    l.ended();
  }
  CHECK(l.limit() == 4);
  CHECK(l.in_flight() == 0);
  l.ended();
  CHECK(l.in_flight() == 0);
}

TEST_CASE("limit: a new maximum holds from now on, what is in flight above it goes on") {
  in_flight_limit l{10, 10};
  for (int i = 0; i < 10; ++i) l.started();
  l.set_maximum(4);
  CHECK(l.in_flight() == 10);
  for (int i = 0; i < 6; ++i) l.ended();
  CHECK_FALSE(l.may_start(start));
  l.ended();
  CHECK(l.may_start(start));
  l.set_maximum(50);
  for (int i = 0; i < 200; ++i) round_of_successes(l, start);
  CHECK(l.limit() == 50);
}
