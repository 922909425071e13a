// A window closed by the number of its events was postponed because its conversation was not quiet, opened
// again, closed at once, and so on: tens of thousands of jobs in seconds, and not one LLM call.
#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

namespace {

/// What the loader says of a conversation that was talked in a moment ago.
void not_quiet(scene& t, const job_spec& j, int64_t ms = 50'000) {
  job_result r;
  r.id = j.id;
  r.attempt = j.attempt;
  r.end = job_end::postponed;
  r.postpone_ms = ms;
  t.d->finished(r, t.now);
}

void talk(scene& t, int events) {
  for (int i = 1; i <= events; ++i) t.deliver(i, "s");
}

}  // namespace

TEST_CASE("a window that is full is analysed although its conversation is not quiet") {
  auto o = scene::defaults();
  o.windows.max_events = 5;
  scene t{o};
  talk(t, 5);
  CHECK_FALSE(t.running("s").may_postpone);
  CHECK(t.submitted.size() == 1);
}

TEST_CASE(
    "so is one with as much text as fits, one that is old, one that was flushed, one for want of room") {
  auto o = scene::defaults();
  o.windows.max_tokens = 1'500;
  scene by_tokens{o};
  talk(by_tokens, 5);
  CHECK_FALSE(by_tokens.running("s").may_postpone);

  scene by_age;
  for (int i = 1; i <= 11; ++i) {
    by_age.deliver(i, "s");
    by_age.pass(55s);
  }
  CHECK_FALSE(by_age.running("s").may_postpone);

  scene flushed;
  talk(flushed, 1);
  flushed.d->flush("u", "s", flushed.now);
  CHECK_FALSE(flushed.running("s").may_postpone);

  auto tight = scene::defaults();
  tight.window_room = 10;
  scene by_room{tight};
  for (int i = 1; i <= 10; ++i) {
    by_room.deliver(i, name(i), user(i));
    by_room.pass(1ms);
  }
  CHECK_FALSE(by_room.running("s1").may_postpone);
}

TEST_CASE("only a window that was closed by quiet may wait, and it waits as long as it was told") {
  auto o = scene::defaults();
  o.windows.max_events = 5;
  scene t{o};
  talk(t, 4);
  t.pass(60s);
  REQUIRE(t.running("s").may_postpone);
  not_quiet(t, t.running("s"));
  t.pass(49s);
  CHECK_FALSE(t.is_running("s"));
  t.pass(1s);
  CHECK(t.is_running("s"));
  CHECK(t.submitted.size() == 2);
}

TEST_CASE("one that fills up while it waits again is analysed at once, and once") {
  auto o = scene::defaults();
  o.windows.max_events = 5;
  scene t{o};
  talk(t, 4);
  t.pass(60s);
  not_quiet(t, t.running("s"));
  t.deliver(5, "s");
  CHECK_FALSE(t.running("s").may_postpone);
  CHECK(t.submitted.size() == 2);
}

TEST_CASE("a conversation that another replica works on is looked at again after the wait, never in a loop") {
  auto o = scene::defaults();
  o.windows.max_events = 5;
  scene t{o};
  talk(t, 5);
  for (int i = 0; i < 10; ++i) {
    not_quiet(t, t.running("s"), 2'000);
    CHECK_FALSE(t.is_running("s"));
    t.pass(2s);
  }
  CHECK(t.submitted.size() == 11);
}

TEST_CASE("with every limit at once a busy conversation costs a job for each window, not more") {
  auto o = scene::defaults();
  o.windows.max_events = 20;
  scene t{o};
  int64_t sequence = 0;
  for (int second = 0; second < 600; ++second) {
    t.deliver(++sequence, "s");
    if (t.is_running("s")) {
      if (t.running("s").may_postpone) {
        not_quiet(t, t.running("s"));
      } else {
        t.commit("s");
      }
    }
    t.pass(1s);
  }
  CHECK(t.submitted.size() <= 30);
}
