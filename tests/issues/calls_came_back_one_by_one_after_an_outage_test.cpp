// After twenty minutes of answers 503 the calls in flight came back one by one, for more than an hour: every
// failed call had cut what may be in flight.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

constexpr size_t at_once = 500;

config::settings five_hundred_at_once() {
  auto s = plain_settings();
  s.dispatcher.max_jobs = at_once;
  s.dispatcher.hold_limit = std::chrono::hours{2};
  s.llm_analyzer.max_in_flight = at_once;
  s.llm_analyzer.mailbox_limit = 2 * at_once;
  s.memory_writer.mailbox_limit = 2 * at_once;
  s.session_loader.mailbox_limit = 2 * at_once;
  return s;
}

/// An LLM that answers within a second, and conversations that never end.
class load {
 public:
  load() : w(five_hundred_at_once()) { w.llm.holds = true; }

  /// A second passes; then what has been asked is answered.
  void second() {
    while (next_ <= ended() + 4 * static_cast<int64_t>(at_once)) {
      w.say(next_, fmt::format("u{}", next_), fmt::format("s{}", next_));
      ++next_;
    }
    w.advance(seconds{1});
    most_ = w.llm.held();
    w.llm.answer_all();
    w.run();
  }
  void fails_for(errc how, seconds time) {
    most_ = 0;
    w.llm.fail_all(fail(dependency::llm, how, "as the case says"));
    w.llm.holds = false;
    w.llm.well = false;
    w.llm.judge = [how](const llm::analysis_input&) {
      return std::optional{fail(dependency::llm, how, "as the case says")};
    };
    w.advance(time, seconds{1});
    w.llm.judge = nullptr;
    w.llm.well = true;
    w.llm.holds = true;
  }
  int64_t ended() const { return static_cast<int64_t>(w.bus.settled.size()); }
  /// In flight at the end of the last second.
  size_t in_flight() const { return most_; }

  world w;

 private:
  int64_t next_ = 1;
  size_t most_ = 0;
};

void half_at_once_all_soon(errc how) {
  load l;
  for (int i = 0; i < 20; ++i) l.second();
  REQUIRE(l.in_flight() == at_once);
  l.fails_for(how, std::chrono::minutes{20});
  int until_half = 0;
  for (; until_half < 60 && l.in_flight() < at_once / 2; ++until_half) l.second();
  CHECK(until_half <= 7);  // a probe within five seconds, and its answer
  int until_all = until_half;
  for (; until_all < 60 && l.in_flight() < at_once; ++until_all) l.second();
  CHECK(until_all <= 10);
}

TEST_CASE("after an outage half of the calls are in flight at once, all within ten seconds") {
  for (const errc how : {errc::overloaded, errc::unreachable}) {
    INFO(to_string(how));
    half_at_once_all_soon(how);
  }
}

}  // namespace
}  // namespace mw::test
