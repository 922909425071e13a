#include <doctest/doctest.h>

#include "tests/unit/flow/dispatch_model.hpp"

using mw::flow::test::model;

TEST_CASE(
    "model: under random faults nothing is lost, nothing exceeds its room, and all is settled in the end") {
  size_t completed = 0;
  size_t dead = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    model world{seed};
    for (int step = 0; step < 600 && world.broken.empty(); ++step) world.chaos();
    CHECK(world.calm());
    world.judge();
    completed += world.completed();
    dead += world.dead();
    for (const auto& what : world.broken) FAIL_CHECK(what);
    if (!world.broken.empty()) break;
  }
  CHECK(completed > 10'000);
  CHECK(dead > 100);
}
