#include "protocol/flow/stall.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using namespace mw::flow;

namespace {

const time_point start = time_point{} + 1000h;

stall_watch watch() {
  stall_watch w;
  w.set_policy({5s, 60s});
  return w;
}

}  // namespace

TEST_CASE("stall: nothing is probed while no call is out") {
  auto w = watch();
  CHECK(w.due() == time_point::max());
  w.asked(start);
  w.answered(1s, start + 1s);
  CHECK(w.due() == time_point::max());
}

TEST_CASE("stall: calls that are out in silence are reason for one probe; if it fails they hang") {
  auto w = watch();
  w.asked(start);
  w.asked(start + 3s);
  CHECK(w.due() == start + 5s);
  w.probing(start + 5s);
  CHECK(w.due() == time_point::max());
  CHECK(w.probe_failed(start + 10s));
}

TEST_CASE("stall: a probe that is answered proves the LLM well; the next one waits as long again") {
  auto w = watch();
  w.asked(start);
  w.probing(start + 5s);
  w.heard(start + 6s);
  CHECK(w.due() == start + 11s);
}

TEST_CASE("stall: any answer ends the silence, and a probe that fails after it says nothing") {
  auto w = watch();
  w.asked(start);
  w.asked(start);
  w.probing(start + 5s);
  w.answered(1s, start + 9s);
  CHECK_FALSE(w.probe_failed(start + 10s));
  CHECK(w.due() == start + 14s);
}

TEST_CASE("stall: where answers take long usually, silence is usual") {
  auto w = watch();
  for (int i = 0; i < 20; ++i) {
    w.asked(start);
    w.answered(20s, start);
  }
  w.asked(start);
  CHECK(w.due() == start + 40s);
}

TEST_CASE("stall: beyond the calls' own time-out nobody waits") {
  auto w = watch();
  w.asked(start);
  w.answered(50s, start);
  w.asked(start);
  CHECK(w.due() == start + 60s);
}

TEST_CASE("stall: calls that are given up are not out") {
  auto w = watch();
  w.asked(start);
  w.ended();
  CHECK(w.due() == time_point::max());
  CHECK_FALSE(w.probe_failed(start + 1min));
}

TEST_CASE("stall: a probe that fails at once is not sent again at once while a younger call is out") {
  auto w = watch();
  w.asked(start);
  w.asked(start + 3s);
  w.probing(start + 5s);
  CHECK(w.probe_failed(start + 5s));
  w.ended();
  CHECK(w.due() == start + 10s);
}
