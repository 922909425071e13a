#include "protocol/flow/windows.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;
using namespace mw::flow;

namespace {

const time_point start = time_point{} + 1000h;

arrival event(int64_t sequence, const std::string& session = "s", duration since = 0s, uint32_t count = 0,
              const std::string& user = "u") {
  return {sequence,
          count,
          {user, session, std::string{"m"}.append(std::to_string(sequence)), ""},
          1000 + sequence,
          since};
}

window_policy policy() {
  window_policy p;
  p.quiet = 60s;
  p.max_age = 10min;
  p.max_events = 200;
  return p;
}

std::string message_of(const window* w) {
  return std::string{w->ids.chat_message()};
}

}  // namespace

TEST_CASE("windows: a newer event covers the older one of the same conversation") {
  windows w{policy()};
  CHECK(w.add(event(1), start).covered == -1);
  const auto second = w.add(event(2), start + 1s);
  CHECK(second.covered == 1);
  CHECK(second.in->sequence_number == 2);
  CHECK(message_of(second.in) == "m2");
  CHECK(w.size() == 1);
}

TEST_CASE("windows: conversations of other users and other sessions have windows of their own") {
  windows w{policy()};
  w.add(event(1, "s", 0s, 0, "u"), start);
  CHECK(w.add(event(2, "s", 0s, 0, "v"), start).covered == -1);
  CHECK(w.add(event(3, "t", 0s, 0, "u"), start).covered == -1);
  CHECK(w.size() == 3);
  REQUIRE(w.find("v", "s") != nullptr);
  CHECK(w.find("v", "s")->sequence_number == 2);
  CHECK(w.find("v", "t") == nullptr);
}

TEST_CASE("windows: an older event that is delivered again is covered by the newer one") {
  windows w{policy()};
  w.add(event(5), start);
  const auto due = w.next_due();
  const auto older = w.add(event(3, "s", 5min, 2), start + 1s);
  CHECK(older.covered == 3);
  CHECK_FALSE(older.closed);
  CHECK(older.in->sequence_number == 5);
  CHECK(older.in->delivery_count == 0);
  CHECK(w.next_due() == due);
}

TEST_CASE("windows: what was delivered before closes at once") {
  windows w{policy()};
  CHECK(w.add(event(1, "s", 0s, 1), start).closed);
  CHECK(w.open() == 0);
}

TEST_CASE("windows: the redelivery of the event a window holds closes it and counts as no event") {
  windows w{policy()};
  w.add(event(1), start);
  const auto again = w.add(event(1, "s", 0s, 1), start + 1s);
  CHECK(again.covered == -1);
  CHECK(again.closed);
  CHECK(again.in->delivery_count == 1);
  CHECK(again.in->events == 1);
}

TEST_CASE("windows: quiet is judged on completedAt, not on the arrival") {
  windows w{policy()};
  w.add(event(1, "s", 45s), start);
  CHECK(w.next_due() == start + 15s);
  CHECK(w.add(event(2, "t", 60s), start).closed);
  CHECK(w.add(event(3, "v", 2h), start).closed);
}

TEST_CASE("windows: a completedAt in the future counts as now") {
  windows w{policy()};
  w.add(event(1, "s", -5min), start);
  CHECK(w.next_due() == start + 60s);
}

TEST_CASE("windows: the newest completedAt decides when events arrive out of their order") {
  windows w{policy()};
  w.add(event(1, "s", 0s), start);
  const auto late = w.add(event(2, "s", 90s), start + 1s);
  CHECK_FALSE(late.closed);
  CHECK(late.covered == 1);
  CHECK(w.next_due() == start + 60s);
}

TEST_CASE("windows: every event of a lively conversation puts off the close, at most to max-age") {
  windows w{policy()};
  time_point now = start;
  int64_t sequence = 1;
  for (; now < start + 9min; now += 30s) {
    CHECK_FALSE(w.add(event(sequence++), now).closed);
    CHECK(w.close_due(now).empty());
    CHECK(w.next_due() == std::min(now + 60s, start + 10min));
  }
  w.add(event(sequence++), start + 10min - 1s);
  CHECK(w.close_due(start + 10min - 1s).empty());
  const auto closed = w.close_due(start + 10min);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0]->sequence_number == sequence - 1);
  CHECK(closed[0]->ready);
}

TEST_CASE("windows: max-events and the token estimate close at once") {
  auto p = policy();
  p.max_events = 3;
  windows by_events{p};
  by_events.add(event(1), start);
  CHECK_FALSE(by_events.add(event(2), start).closed);
  CHECK(by_events.add(event(3), start).closed);
  p.max_events = 1000;
  p.max_tokens = 1000;
  p.tokens_per_event = 250;
  windows by_tokens{p};
  by_tokens.add(event(1), start);
  by_tokens.add(event(2), start);
  CHECK_FALSE(by_tokens.add(event(3), start).closed);
  CHECK(by_tokens.add(event(4), start).closed);
}

TEST_CASE("windows: without a quiet time every event closes its window") {
  auto p = policy();
  p.quiet = 0s;
  windows w{p};
  CHECK(w.add(event(1), start).closed);
  CHECK_FALSE(w.next_due().has_value());
}

TEST_CASE("windows: a ready one still takes newer events while it waits for its turn") {
  windows w{policy()};
  w.add(event(1), start);
  REQUIRE(w.close_due(start + 60s).size() == 1);
  const auto merged = w.add(event(2), start + 70s);
  CHECK(merged.covered == 1);
  CHECK_FALSE(merged.closed);
  CHECK(merged.in->ready);
  CHECK(merged.in->waiting_since == start + 60s);
  CHECK_FALSE(w.next_due().has_value());
  const window taken = w.take(merged.in);
  CHECK(taken.sequence_number == 2);
  CHECK(w.size() == 0);
}

TEST_CASE("windows: due ones close in the order of their times") {
  windows w{policy()};
  w.add(event(1, "late", 0s), start);
  w.add(event(2, "early", 50s), start);
  w.add(event(3, "middle", 20s), start);
  const auto closed = w.close_due(start + 1min);
  REQUIRE(closed.size() == 3);
  CHECK(closed[0]->ids.session() == "early");
  CHECK(closed[1]->ids.session() == "middle");
  CHECK(closed[2]->ids.session() == "late");
  CHECK(w.open() == 0);
  CHECK(w.ready_since(start + 1min).size() == 3);
  CHECK(w.ready_since(start + 59s).empty());
}

TEST_CASE("windows: short of room, the ones open longest close first and are not postponed") {
  windows w{policy()};
  w.add(event(1, "a"), start);
  w.add(event(2, "b", 50s), start + 1s);
  w.add(event(3, "c"), start + 2s);
  w.add(event(4, "a"), start + 3s);
  const auto closed = w.close_oldest(2, start + 4s);
  REQUIRE(closed.size() == 2);
  CHECK(closed[0]->ids.session() == "a");
  CHECK(closed[0]->closed == closed_by::room);
  CHECK_FALSE(w.may_wait(*closed[0], start + 4s));
  CHECK(closed[1]->ids.session() == "b");
  CHECK(w.open() == 1);
  CHECK(w.close_oldest(9, start + 5s).size() == 1);
  CHECK(w.close_oldest(9, start + 5s).empty());
}

TEST_CASE("windows: flush by user, by conversation, and of everything") {
  windows w{policy()};
  w.add(event(1, "a", 0s, 0, "u"), start);
  w.add(event(2, "b", 0s, 0, "u"), start);
  w.add(event(3, "a", 0s, 0, "v"), start);
  w.add(event(4, "c", 0s, 0, "v"), start);
  CHECK(w.flush("u", "b", start).size() == 1);
  CHECK(w.find("u", "b")->closed == closed_by::flush);
  CHECK(w.flush("u", "", start).size() == 1);
  CHECK(w.flush("nobody", "", start).empty());
  CHECK(w.flush("", "", start).size() == 2);
  CHECK(w.open() == 0);
}

TEST_CASE("windows: a reopened one waits for the quiet it was postponed for, within max-age") {
  windows w{policy()};
  w.add(event(1), start);
  const window taken = w.take(w.close_due(start + 60s).at(0));
  CHECK(w.size() == 0);
  const auto again = w.reopen(taken, 20s, start + 61s);
  CHECK_FALSE(again.closed);
  CHECK(again.covered == -1);
  CHECK(w.next_due() == start + 81s);
  CHECK(again.in->opened == start);
  const window late = w.take(w.close_due(start + 81s).at(0));
  CHECK(w.reopen(late, 2h, start + 9min).in->due == start + 10min);
  const window overdue = w.take(w.close_due(start + 10min).at(0));
  CHECK(w.reopen(overdue, 2h, start + 11min).closed);
}

TEST_CASE("windows: reopening where newer events opened a window: one window, covered, still open") {
  windows w{policy()};
  w.add(event(1), start);
  const window taken = w.take(w.close_due(start + 60s).at(0));
  w.add(event(2), start + 61s);
  const auto merged = w.reopen(taken, 20s, start + 62s);
  CHECK(merged.covered == 1);
  CHECK_FALSE(merged.closed);
  CHECK(merged.in->sequence_number == 2);
  CHECK(merged.in->events == 2);
  CHECK(merged.in->opened == start);
  CHECK(w.size() == 1);
  CHECK(w.open() == 1);
  CHECK(w.next_due() == start + 121s);
  REQUIRE(w.close_oldest(5, start + 63s).size() == 1);
  CHECK(w.open() == 0);
}

TEST_CASE("windows: reopening beside a ready window leaves that one ready") {
  windows w{policy()};
  w.add(event(1), start);
  const window taken = w.take(w.close_due(start + 60s).at(0));
  w.add(event(2, "s", 0s, 1), start + 61s);
  const auto merged = w.reopen(taken, 20s, start + 62s);
  CHECK(merged.covered == 1);
  CHECK_FALSE(merged.closed);
  CHECK(merged.in->ready);
  CHECK(w.ready_since(start + 61s).size() == 1);
  w.take(merged.in);
  CHECK(w.ready_since(start + 61s).empty());
}

TEST_CASE("windows: what a person flushed is not opened again") {
  windows w{policy()};
  w.add(event(1), start);
  window taken = w.take(w.close_due(start + 60s).at(0));
  taken.closed = closed_by::flush;
  CHECK(w.reopen(taken, 20s, start + 61s).closed);
}

TEST_CASE("windows: an open one can be taken as well") {
  windows w{policy()};
  w.add(event(1), start);
  w.take(w.find("u", "s"));
  CHECK(w.size() == 0);
  CHECK(w.open() == 0);
  CHECK_FALSE(w.next_due().has_value());
  CHECK(w.close_oldest(1, start).empty());
}

TEST_CASE("windows: with a shorter quiet time open windows close no later than one that begins now") {
  windows w{policy()};
  w.add(event(1, "a"), start);
  w.add(event(2, "b"), start + 50s);
  auto shorter = policy();
  shorter.quiet = 20s;
  w.set_policy(shorter, start + 55s);
  CHECK(w.close_due(start + 59s).empty());
  CHECK(w.close_due(start + 60s).size() == 1);
  CHECK(w.close_due(start + 74s).empty());
  CHECK(w.close_due(start + 75s).size() == 1);
}

TEST_CASE("windows: without a quiet time any more, open windows close at once") {
  windows w{policy()};
  w.add(event(1, "a"), start);
  auto none = policy();
  none.quiet = 0s;
  w.set_policy(none, start + 1s);
  CHECK(w.close_due(start + 1s).size() == 1);
}

TEST_CASE("windows: a longer quiet time holds from the next event on") {
  windows w{policy()};
  w.add(event(1, "a"), start);
  auto longer = policy();
  longer.quiet = 5min;
  w.set_policy(longer, start + 1s);
  CHECK(w.next_due() == start + 60s);
  w.add(event(2, "a"), start + 10s);
  CHECK(w.next_due() == start + 310s);
}

TEST_CASE("windows: the enqueued time of the newest event is kept") {
  windows w{policy()};
  auto first = event(1);
  first.enqueued_ms = 5'000;
  auto second = event(2);
  second.enqueued_ms = 7'000;
  w.add(second, start);
  CHECK(w.add(first, start).in->enqueued_ms == 7'000);
}
