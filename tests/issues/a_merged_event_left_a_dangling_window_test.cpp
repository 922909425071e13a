// Which queue a window waited in was told from its delivery count, which a newer event resets: the window was
// taken out of the wrong queue, and the other one held a pointer to freed memory (under ASan: a use after
// free).
#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

namespace {

dispatch_options few_deliveries() {
  auto o = scene::defaults();
  o.max_delivery_count = 4;
  return o;
}

}  // namespace

TEST_CASE("a window that merges a fresh event and is delivered again near its last time is worked on once") {
  scene t{few_deliveries()};
  t.deliver(1, "busy", "a", 2);
  REQUIRE(t.is_running("busy"));
  t.deliver(2, "waits", "b", 2);
  t.deliver(3, "waits", "b");
  t.deliver(3, "waits", "b", 2);
  t.commit("busy");
  t.commit("waits");
  t.pass(1min);
  t.confirm();
  CHECK(t.d->idle());
  CHECK(t.submitted.size() == 2);
}

TEST_CASE("a window whose newest event is near its last delivery runs alone") {
  auto o = few_deliveries();
  o.windows.quiet = 0s;
  o.turns.max_jobs = 2;
  scene t{o};
  t.deliver(1, "one", "a");
  t.deliver(2, "two", "b");
  t.deliver(3, "waits", "c");
  t.deliver(4, "waits", "c", 2);
  t.deliver(5, "alone", "d", 2);
  t.commit("one");
  t.commit("two");
  CHECK(t.running_sessions().size() == 1);
  t.commit(t.running_sessions().front());
  CHECK(t.running_sessions().size() == 1);
}

TEST_CASE(
    "a window near its last delivery that merges a fresh event is given back at a stop, and used no more") {
  scene t{few_deliveries()};
  t.deliver(1, "busy", "a", 2);
  REQUIRE(t.is_running("busy"));
  t.deliver(2, "waits", "b", 2);
  CHECK_FALSE(t.is_running("waits"));
  t.deliver(3, "waits", "b");
  t.d->drain(t.now);
  CHECK(t.outcome(3) == "release shutdown");
  t.commit("busy");
  t.pass(1min);
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("the same past the hold limit of an outage") {
  scene t{few_deliveries()};
  t.deliver(1, "busy", "a", 2);
  t.deliver(2, "waits", "b", 2);
  t.deliver(3, "waits", "b");
  t.d->stage_lost(stage::load, 0, true, t.now);
  t.pass(11min);
  CHECK(t.outcome(3) == "release dependency-down");
  t.d->loader_demand(100, t.now);
  t.pass(1min);
  t.confirm();
  CHECK(t.d->deliveries() == 0);
}

TEST_CASE("the same when its session's older job ends while it waits") {
  scene t{few_deliveries()};
  t.deliver(1, "s", "a", 2);
  t.deliver(2, "s", "a", 2);
  t.deliver(3, "s", "a");
  t.commit("s");
  CHECK(t.running("s").sequence_number == 3);
  t.commit("s");
  t.confirm();
  CHECK(t.d->idle());
}

TEST_CASE("a redelivery near the last one moves its waiting window to those that run alone") {
  auto o = few_deliveries();
  o.turns.max_jobs = 1;
  o.windows.quiet = 0s;
  scene t{o};
  t.deliver(1, "busy", "a");
  t.deliver(2, "waits", "b", 1);
  t.deliver(2, "waits", "b", 2);
  t.commit("busy");
  CHECK(t.is_running("waits"));
  t.commit("waits");
  t.confirm();
  CHECK(t.d->idle());
}
