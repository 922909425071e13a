// The newest event of a conversation named a message that is not in it (any more). The earlier events had
// been completed, because the newest covers them; the newest was dead-lettered; and what they were about,
// still there and new, was never analysed.
#include <doctest/doctest.h>

#include "tests/unit/actors/world.hpp"
#include "tests/unit/analysis/chats.hpp"
#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::test;

namespace {

/// Two events of one window: m2's message is there, m4's went away before anybody read it.
void say_two_and_lose_the_second(world& w) {
  w.say(1, "ann", "s1", 2);
  w.converse("ann", "s1", 4);
  w.deliver(2, "ann", "s1");
  w.converse("ann", "s1", 2);
}

config::settings with_windows() {
  auto s = plain_settings();
  s.dispatcher.quiet = seconds{5};
  return s;
}

}  // namespace

TEST_CASE(
    "what is new is analysed when the message of the newest event never comes, and nothing is "
    "dead-lettered") {
  world w{with_windows()};
  say_two_and_lose_the_second(w);
  w.advance(seconds{20});
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
  REQUIRE(w.llm.calls.size() == 1);
  CHECK(w.llm.calls[0].messages == texts{"m1", "m2"});
  CHECK(w.store.records.at("s1").through->id == "m2");
  CHECK(w.metrics.messages_missing.Value() == 1);
}

TEST_CASE("a message that comes within the seconds it is waited for is analysed with the rest") {
  world w{with_windows()};
  say_two_and_lose_the_second(w);
  w.advance(seconds{7});
  CHECK(w.llm.calls.empty());
  w.converse("ann", "s1", 4);
  w.advance(seconds{5});
  REQUIRE(w.llm.calls.size() == 1);
  CHECK(w.llm.calls[0].messages == texts{"m1", "m2", "m3", "m4"});
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
  CHECK(w.metrics.messages_missing.Value() == 0);
}

TEST_CASE("where nothing is new the event of a lost message is dead-lettered") {
  world w;
  w.say(1, "ann", "s1", 2);
  w.run();
  w.converse("ann", "s1", 4);
  w.deliver(2, "ann", "s1");
  w.converse("ann", "s1", 2);
  w.advance(seconds{20});
  CHECK(w.bus.settled == texts{"1 complete", "2 dead-letter message-not-found"});
  CHECK(w.llm.calls.size() == 1);
}

TEST_CASE("what is new in a long conversation is analysed in all its parts without the lost message") {
  auto s = with_windows();
  s.dispatcher.max_tokens = 50;
  world w{s};
  w.converse("ann", "s1", 8);
  w.deliver(1, "ann", "s1");
  w.converse("ann", "s1", 6);
  w.advance(seconds{30});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.size() > 1);
  CHECK(w.store.records.at("s1").through->id == "m6");
}

TEST_CASE("an outage after a message was given up costs time only, and the message is counted once") {
  world w{with_windows()};
  say_two_and_lose_the_second(w);
  for (int i = 0; i < 3; ++i) w.llm.failures.push_back(fail(dependency::llm, errc::overloaded, "busy"));
  w.advance(seconds{60});
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
  CHECK(w.store.records.at("s1").through->id == "m2");
  CHECK(w.metrics.messages_missing.Value() == 1);
}

TEST_CASE("five users' lost messages are no alarm while what is new can be analysed") {
  world w;
  for (int i = 0; i < 5; ++i) {
    const auto user = std::string{"u"}.append(std::to_string(i));
    const auto session = std::string{"s"}.append(std::to_string(i));
    w.converse(user, session, 4);
    w.deliver(i + 1, user, session);
    w.converse(user, session, 2);
  }
  w.advance(seconds{20});
  CHECK(w.bus.settled.size() == 5);
  CHECK(w.metrics.refused_for_everybody.Value() == 0);
  for (const auto& line : w.bus.settled) CHECK(line.ends_with("complete"));
}

TEST_CASE("a newer event that joins the waiting job has its own seconds, whatever was given up before") {
  using namespace mw::flow::test;
  auto o = scene::at_once();
  scene t{o};
  const auto missing = [&] {
    flow::job_result r;
    const auto& j = t.running("s");
    r.id = j.id;
    r.attempt = j.attempt;
    r.error = fail(dependency::redis, errc::message_missing, "not there");
    r.fresh_without_message = true;
    t.d->finished(r, t.now);
  };
  t.deliver(1, "s");
  missing();
  t.pass(6s);
  CHECK_FALSE(t.running("s").message_given_up);
  missing();
  t.pass(10ms);
  CHECK(t.running("s").message_given_up);
  t.fail("s", flow::stage::analyse, errc::overloaded);
  t.deliver(2, "s");
  CHECK(t.outcome(1) == "complete covered");
  t.pass(2s);
  CHECK_FALSE(t.running("s").message_given_up);
  CHECK(t.outcome(2).empty());
}

TEST_CASE("messages of one frozen clock are not taken for covered when the event's own is gone") {
  auto c = analysis::chat_of(4);
  for (auto& m : c.messages) m.timestamp = analysis::time_at(1);
  auto stored = analysis::stored_up_to(2);
  stored.conversation->through->timestamp = analysis::time_at(1);
  auto job = analysis::job_for(9);
  job.completed_at_ms = analysis::job_for(1).completed_at_ms;
  auto p = analysis::prepared(c, stored, job);
  CHECK(p.end.error.code == errc::message_missing);
  CHECK(p.end.fresh_without_message);
  job.message_given_up = true;
  p = analysis::prepared(c, stored, job);
  REQUIRE(p.conversation);
  CHECK(analysis::ids_of(*p.conversation) == analysis::names{"m3", "m4"});
}

TEST_CASE(
    "without a time in the event nothing says that the conversation has moved on: its message is waited "
    "for") {
  auto job = analysis::job_for(9);
  job.completed_at_ms = 0;
  const auto p = analysis::prepared(analysis::chat_of(4), {}, job);
  CHECK_FALSE(p.conversation);
  CHECK(p.end.error.code == errc::message_missing);
  CHECK(p.end.fresh_without_message);
}
