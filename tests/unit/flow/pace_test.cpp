#include "protocol/flow/pace.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using mw::flow::pace;
using mw::flow::quota_bucket;
using mw::flow::time_point;

namespace {
const time_point t0{1h};
}

TEST_CASE("quota: before the peer's first word everything may start at once") {
  CHECK(quota_bucket{}.ready(1e9, t0) == t0);
  pace p;
  p.started(5'000, t0);
  CHECK(p.ready(5'000, t0) == t0);
}

TEST_CASE("quota: what is left is spent at once, then calls come as the limit fills it") {
  quota_bucket b;
  b.told(250, 6'000, {}, t0);
  CHECK(b.ready(200, t0) == t0);
  b.spend(200, t0);
  CHECK(b.ready(200, t0) == t0 + 1500ms);
  CHECK(b.ready(200, t0 + 1500ms) == t0 + 1500ms);
  b.spend(200, t0 + 1500ms);
  CHECK(b.ready(200, t0 + 1500ms) == t0 + 3500ms);
}

TEST_CASE(
    "quota: all is back after the reset that was named, and a minute after the last word at the latest") {
  quota_bucket b;
  b.told(0, 60, 5s, t0);
  CHECK(b.ready(60, t0) == t0 + 5s);
  CHECK(b.ready(60, t0 + 5s) == t0 + 5s);
  b.told(0, 0, {}, t0);
  CHECK(b.ready(1, t0) == t0 + 60s);
  b.told(0, 0, 24h, t0);
  CHECK(b.ready(1, t0) == t0 + 60s);
}

TEST_CASE("quota: a call larger than the whole limit waits for the reset, not for ever") {
  quota_bucket b;
  b.told(10, 1'000, {}, t0);
  CHECK(b.ready(5'000, t0) == t0 + 60s);
}

TEST_CASE("quota: a newer word replaces the account") {
  quota_bucket b;
  b.told(0, 6'000, {}, t0);
  b.told(6'000, 6'000, {}, t0);
  CHECK(b.ready(6'000, t0) == t0);
}

TEST_CASE("pace: a call costs the average prompt and the output it may have; the scarcer quota rules") {
  pace p;
  p.answered(1'000);
  p.tokens.told(4'000, 60'000, {}, t0);
  p.requests.told(100, 600, {}, t0);
  CHECK(p.ready(1'500, t0) == t0);
  p.started(1'500, t0);
  CHECK(p.ready(1'500, t0) == t0 + 1s);
  p.requests.told(0, 6, {}, t0);
  CHECK(p.ready(1'500, t0) == t0 + 10s);
}
