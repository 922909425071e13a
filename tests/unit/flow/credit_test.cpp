#include "protocol/flow/credit.hpp"

#include <doctest/doctest.h>

using namespace mw::flow;

namespace {

constexpr intake_credit::limits roomy{50'000, 56, 12'500};

/// As after many events and jobs.
intake_credit seasoned() {
  intake_credit c;
  for (int i = 0; i < 1'000; ++i) c.job_ended();
  return c;
}

}  // namespace

TEST_CASE("credit: a process that has just started takes two deliveries, and more as its jobs end") {
  intake_credit c;
  CHECK(c.take(roomy, {0, 0, 0}) == 2);
  CHECK(c.take(roomy, {0, 0, 0}) == 0);
  c.spend(false);
  c.spend(false);
  CHECK(c.take(roomy, {2, 2, 0}) == 0);
  c.job_ended();
  CHECK(c.take(roomy, {1, 1, 0}) == 3);
}

TEST_CASE("credit: events that come for the first time open it quickly") {
  intake_credit c;
  size_t held = 0;
  int rounds = 0;
  for (; held < 10'000 && rounds < 300; ++rounds)
    for (uint32_t granted = c.take(roomy, {held, 0, 0}); granted > 0; --granted) {
      c.spend(true);
      ++held;
    }
  CHECK(rounds < 250);
  CHECK(c.take(roomy, {held, 0, 0}) == 56);
}

TEST_CASE("credit: what is ready takes from a few rounds of jobs, open windows only from the window room") {
  auto c = seasoned();
  CHECK(c.take(roomy, {40'000, 30, 0}) == 26);
  auto full = seasoned();
  CHECK(full.take(roomy, {40'000, 56, 0}) == 0);
  auto short_of_room = seasoned();
  CHECK(short_of_room.take({100, 56, 25}, {90, 0, 0}) == 10);
}

TEST_CASE(
    "credit: what one user has beyond his share leaves the others' room alone, within room of its own") {
  auto c = seasoned();
  CHECK(c.take(roomy, {2'000, 2'000, 1'986}) == 42);
  auto beyond = seasoned();
  CHECK(beyond.take(roomy, {14'000, 14'000, 13'986}) == 0);
  intake_credit fresh;
  CHECK(fresh.take(roomy, {20, 20, 6}) == 0);
}

TEST_CASE("credit: what is drained may still come until the drain has ended, and counts until then") {
  auto c = seasoned();
  CHECK(c.take(roomy, {0, 0, 0}) == 56);
  c.close();
  CHECK(c.is_closing());
  CHECK(c.take(roomy, {0, 0, 0}) == 0);
  c.close();
  c.closed();
  CHECK(c.is_closing());
  CHECK(c.take(roomy, {0, 0, 0}) == 0);
  c.closed();
  CHECK_FALSE(c.is_closing());
  CHECK(c.take(roomy, {0, 0, 0}) == 56);
}

TEST_CASE("credit: a lost link takes all of it along") {
  auto c = seasoned();
  c.take(roomy, {0, 0, 0});
  c.close();
  c.lost();
  CHECK_FALSE(c.is_closing());
  CHECK(c.take(roomy, {0, 0, 0}) == 56);
}

TEST_CASE("credit: it is given in portions, not a frame for every delivery") {
  auto c = seasoned();
  CHECK(c.take(roomy, {0, 0, 0}) == 56);
  for (int i = 0; i < 6; ++i) c.spend(true);
  CHECK(c.take(roomy, {6, 0, 0}) == 0);
  c.spend(true);
  CHECK(c.take(roomy, {7, 0, 0}) == 7);
}
