// Settings replaced while everything runs (SIGHUP): who waits gets on, who runs goes on, nothing is lost.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

using namespace mw;
using namespace mw::test;
using std::chrono::seconds;

namespace {

void say_many(world& w, int64_t count) {
  for (int64_t n = 1; n <= count; ++n) {
    while (w.bus.credit == 0) w.run();
    w.say(n, fmt::format("user-{}", n), fmt::format("s{}", n));
  }
  w.run();
}

}  // namespace

TEST_CASE(
    "with more jobs allowed more conversations are worked on at once, beyond the mailboxes' first size") {
  auto s = plain_settings();
  s.dispatcher.quiet = seconds{1};
  s.dispatcher.max_age = seconds{10};
  s.dispatcher.max_jobs = 2;
  s.llm_analyzer.max_in_flight = 2;
  world w{s};
  w.llm.holds = true;
  constexpr int64_t many = 600;
  say_many(w, many);
  w.advance(seconds{2});
  CHECK(w.llm.held() == 2);
  s.dispatcher.max_jobs = 120;
  s.llm_analyzer.max_in_flight = 120;
  w.reload(s);
  while (w.llm.held() > 0 && w.llm.held() < 120) {  // the LLM's own limit grows by slow start
    w.llm.answer_all();
    w.run();
  }
  CHECK(w.llm.held() == 120);
  while (w.llm.held() > 0) {
    w.llm.answer_all();
    w.run();
  }
  CHECK(w.bus.settled.size() == many);
  CHECK(w.bytes_held() == 0);
}

TEST_CASE("with fewer jobs allowed those that run end, and no more start than are allowed") {
  world w;
  w.llm.holds = true;
  say_many(w, 30);
  CHECK(w.llm.held() == 10);
  auto s = plain_settings();
  s.dispatcher.max_jobs = 3;
  s.llm_analyzer.max_in_flight = 3;
  w.reload(s);
  CHECK(w.llm.held() == 10);
  w.llm.answer_all();
  w.run();
  CHECK(w.bus.settled.size() == 10);
  CHECK(w.llm.held() == 3);
}

TEST_CASE("with a shorter quiet time the conversations that wait are analysed after it, none lost") {
  auto s = plain_settings();
  s.dispatcher.quiet = seconds{3600};
  s.dispatcher.max_age = seconds{43200};
  world w{s};
  say_many(w, 5);
  w.advance(seconds{30}, seconds{1});
  CHECK(w.llm.calls.empty());
  s.dispatcher.quiet = seconds{5};
  w.reload(s);
  w.advance(seconds{6}, seconds{1});
  CHECK(w.bus.settled.size() == 5);
}

TEST_CASE("an actor that is started again after the reload runs with the new settings") {
  world w;
  auto s = plain_settings();
  s.llm_analyzer.max_output_tokens = 777;
  w.reload(s);
  w.crash(actor_of::analyzer);
  w.advance(seconds{1});
  w.say(1, "ann", "s1");
  w.run();
  REQUIRE(w.llm.calls.size() == 1);
  CHECK(w.llm.calls.front().limits.max_output_tokens == 777);
}
