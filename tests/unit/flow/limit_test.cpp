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
  for (; n > 0; --n) l.succeeded(now);
}

void throttle(in_flight_limit& l, duration retry_after, time_point now, double jitter = 0) {
  l.started();
  l.throttled(retry_after, jitter, now);
}

void failure(in_flight_limit& l, time_point now) {
  l.started();
  l.failed(now);
}

void success(in_flight_limit& l, time_point now) {
  l.started();
  l.succeeded(now);
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

TEST_CASE("limit: doubles per round until the first 429, then grows by one per round") {
  in_flight_limit l{100, 4};
  round_of_successes(l, start);
  CHECK(l.limit() == 8);
  round_of_successes(l, start);
  CHECK(l.limit() == 16);
  throttle(l, 1s, start);
  CHECK(l.limit() == 14);
  round_of_successes(l, start + 1s);
  CHECK(l.limit() == 15);
  for (int i = 0; i < 200; ++i) round_of_successes(l, start + 1s);
  CHECK(l.limit() == 100);
}

TEST_CASE("limit: many 429 at once are one cut; it never falls below one") {
  in_flight_limit l{100, 50};
  for (int i = 0; i < 20; ++i) throttle(l, 1ms, start);
  CHECK(l.limit() == 45);
  throttle(l, 1ms, start + 1s);
  CHECK(l.limit() == 40);
  for (int i = 2; i < 100; ++i) throttle(l, 1ms, start + std::chrono::seconds{i});
  CHECK(l.limit() == 1);
  CHECK(l.in_flight() == 0);
  CHECK(l.may_start(start + 100s));
}

TEST_CASE("limit: a pause the peer named is obeyed, the longest one") {
  in_flight_limit l{100, 50};
  throttle(l, 20s, start);
  throttle(l, 5s, start);
  CHECK(l.paused_until() == start + 20s);
  CHECK_FALSE(l.may_start(start + 19s));
  CHECK(l.may_start(start + 20s));
}

TEST_CASE(
    "limit: where the peer names no pause, or nonsense, our own doubles up to a bound until a success") {
  in_flight_limit l{100, 50};
  auto now = start;
  for (const auto pause : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 10'000ms, 10'000ms}) {
    throttle(l, pause > 2s ? -5s : 0s, now, 1);
    CHECK(l.paused_until() == now + pause);
    // What was on its way when the pause began makes it no longer.
    throttle(l, 0s, now + pause / 2, 1);
    CHECK(l.paused_until() == now + pause);
    now += pause;
  }
  success(l, now);
  throttle(l, 0s, now, 1);
  CHECK(l.paused_until() == now + 500ms);
}

TEST_CASE("limit: jitter spreads our own pause over its upper half") {
  in_flight_limit least{100};
  throttle(least, 0s, start, 0);
  CHECK(least.paused_until() == start + 250ms);
  in_flight_limit half{100};
  throttle(half, 0s, start, 0.5);
  CHECK(half.paused_until() == start + 375ms);
}

TEST_CASE("limit: after each pause of our own half as many calls try, until one is answered") {
  in_flight_limit l{64, 64};
  auto now = start;
  uint32_t most = 64;
  for (int round = 0; round < 8; ++round) {
    throttle(l, 0s, now, 1);
    now = l.paused_until();
    uint32_t tries = 0;
    for (; l.may_start(now); ++tries) l.started();
    CHECK(tries <= std::max(1U, most / 2));
    CHECK(tries >= 1);
    most = tries;
    for (; tries > 0; --tries) l.ended();
  }
  success(l, now);
  CHECK(l.may_start(now));
  CHECK(l.limit() > 20);
}

TEST_CASE("limit: an outage leaves it as it was: half of it is back at once, all of it a round later") {
  in_flight_limit l{500, 500};
  throttle(l, 1ms, start);
  REQUIRE(l.limit() == 450);
  for (int i = 1; i < 1200; ++i) failure(l, start + std::chrono::seconds{i});
  CHECK(l.limit() == 450);
  const auto recovered = start + 1200s;
  success(l, recovered);
  CHECK(l.limit() == 225);
  round_of_successes(l, recovered);
  CHECK(l.limit() == 450);
  round_of_successes(l, recovered);
  CHECK(l.limit() == 451);
}

TEST_CASE("limit: an answer in the midst of an outage costs a round more, not the limit") {
  in_flight_limit l{500, 500};
  for (int i = 0; i < 60; ++i) {
    failure(l, start + std::chrono::seconds{i});
    if (i % 20 == 19) success(l, start + std::chrono::seconds{i});
  }
  CHECK(l.limit() == 62);
  for (int i = 0; i < 4; ++i) round_of_successes(l, start + 60s);
  CHECK(l.limit() == 500);
}

TEST_CASE("limit: failures among successes cut it a little, and it comes back by slow start") {
  in_flight_limit l{100, 100};
  failure(l, start);
  CHECK(l.limit() == 100);
  success(l, start);
  CHECK(l.limit() == 90);
  failure(l, start);
  success(l, start);
  CHECK(l.limit() == 90);
  round_of_successes(l, start);
  CHECK(l.limit() == 100);
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
