#include "protocol/chat/window_cut.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

using namespace mw::chat;
using indexes = std::vector<size_t>;

namespace {

/// "2026-01-01T10:MM:00+00:00"
std::string at(int minute) {
  return mw::format_iso_time(*mw::parse_iso_time("2026-01-01T10:00:00Z") + std::chrono::minutes{minute});
}

message user(std::string id, std::string when, std::string text = "hi") {
  return {std::move(id), role::user, std::move(text), std::move(when)};
}
message assistant(std::string id, std::string when, std::string text = "hello") {
  return {std::move(id), role::assistant, std::move(text), std::move(when)};
}

watermark mark(std::string_view id, int minute) {
  return {std::string{id}, at(minute)};
}

/// Turns `first` to `last` as the chat application stores them: both messages of a turn share one timestamp.
conversation turns(int first, int last) {
  conversation c;
  for (int i = first; i <= last; ++i) {
    c.messages.push_back(user(fmt::format("{}_user", i), at(i)));
    c.messages.push_back(assistant(fmt::format("{}_assistant", i), at(i)));
  }
  return c;
}

cut_request event(std::string_view id) {
  cut_request r;
  r.clock.chat_message_id = id;
  return r;
}

cut_request event_after(std::string_view id, std::string mark, int minute) {
  auto r = event(id);
  r.through = watermark{std::move(mark), at(minute)};
  return r;
}

}  // namespace

TEST_CASE("event's message: the last one of the turn is meant, never that of a longer id") {
  conversation c;
  c.messages = {{"12_system", role::system, "s", at(1)},
                user("12_user", at(1)),
                assistant("12_assistant", at(1)),
                user("123_user", at(2)),
                user("1_2", at(3)),
                user("12", at(4)),
                user("12x", at(5))};
  CHECK(find_event_message(c, "12") == 5);
  c.messages.resize(5);
  CHECK(find_event_message(c, "12") == 2);
  CHECK(find_event_message(c, "123") == 3);
  CHECK(find_event_message(c, "1") == 4);
  CHECK_FALSE(find_event_message(c, "124"));
  CHECK_FALSE(find_event_message(c, ""));
  CHECK_FALSE(find_event_message(c, "2_user"));
  CHECK(find_event_message(c, "12_user") == 1);
  CHECK_FALSE(find_event_message(conversation{}, "12"));
}

TEST_CASE("cut: a conversation never analysed is new as a whole, without system and tool messages") {
  conversation c;
  c.messages = {{"1_system", role::system, "profile: likes tea", at(1)},
                user("1_user", at(1)),
                {"1_tool", role::tool, "result", at(1)},
                assistant("1_assistant", at(1))};
  const auto out = cut_new(c, event("1"));
  CHECK(out.fresh == indexes{1, 3});
  CHECK(out.through_index == 3);
  CHECK(out.event_found);
  CHECK(out.user_spoke);
  CHECK(out.advances);
  CHECK_FALSE(out.moved_on);
}

TEST_CASE("cut: messages after the watermark are new, up to the conversation's end, beyond the event") {
  const auto c = turns(1, 4);
  const auto out = cut_new(c, event_after("3", "2_assistant", 2));
  CHECK(out.fresh == indexes{4, 5, 6, 7});
  CHECK(out.through_index == 7);
  CHECK(out.event_found);
}

TEST_CASE("cut: position beats time: equal, earlier and missing timestamps after the watermark are new") {
  conversation c;
  c.messages = {user("1_user", at(5)), assistant("1_assistant", at(5)), user("2_user", at(5)),
                user("3_user", at(1)), user("4_user", "")};
  CHECK(cut_new(c, event_after("4", "1_assistant", 5)).fresh == indexes{2, 3, 4});
  CHECK(cut_new(c, event_after("4", "1_user", 5)).fresh == indexes{1, 2, 3, 4});
}

TEST_CASE("cut: nothing is new when the watermark is the last message") {
  const auto out = cut_new(turns(1, 2), event_after("2", "2_assistant", 2));
  CHECK(out.fresh.empty());
  CHECK_FALSE(out.user_spoke);
  CHECK_FALSE(out.advances);
  CHECK(out.event_found);
}

TEST_CASE("cut: only the assistant spoke: fresh, but not the user") {
  const auto out = cut_new(turns(1, 2), event_after("2", "2_user", 2));
  CHECK(out.fresh == indexes{3});
  CHECK_FALSE(out.user_spoke);
  CHECK(out.advances);
}

TEST_CASE(
    "cut: watermark trimmed away: later timestamps are new, equal ones are covered, missing ones by their "
    "place") {
  auto c = turns(5, 8);
  CHECK(cut_new(c, event_after("8", "2_assistant", 2)).fresh == indexes{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(cut_new(c, event_after("8", "gone", 6)).fresh == indexes{4, 5, 6, 7});
  c.messages[6].timestamp = {};
  c.messages[7].timestamp = "tomorrow";
  CHECK(cut_new(c, event_after("8", "gone", 6)).fresh == indexes{4, 5, 6, 7});
  c.messages[1].timestamp = {};
  CHECK(cut_new(c, event_after("8", "gone", 6)).fresh == indexes{4, 5, 6, 7});
}

TEST_CASE("cut: watermark trimmed away: where all messages have one time or none, all is new") {
  auto c = turns(5, 7);
  for (auto& m : c.messages) m.timestamp = at(1);
  CHECK(cut_new(c, event_after("7", "gone", 1)).fresh == indexes{0, 1, 2, 3, 4, 5});
  for (auto& m : c.messages) m.timestamp = {};
  CHECK(cut_new(c, event_after("7", "gone", 1)).fresh == indexes{0, 1, 2, 3, 4, 5});
}

TEST_CASE("cut: a watermark from a far future decides nothing") {
  auto request = event_after("8", "gone", 0);
  request.through->timestamp = "2099-01-01T00:00:00Z";
  request.clock.now = *mw::parse_iso_time(at(30));
  CHECK(cut_new(turns(5, 8), request).fresh == indexes{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("cut: watermark gone and without time: nothing is covered in silence") {
  auto request = event("3");
  request.through = watermark{"gone", ""};
  const auto out = cut_new(turns(1, 3), request);
  CHECK(out.fresh == indexes{0, 1, 2, 3, 4, 5});
  CHECK(out.advances);
}

TEST_CASE("cut: timestamps are compared as instants, not as text") {
  conversation c;
  c.messages = {user("1_user", "2026-01-01T12:00:00+02:00"), user("2_user", "2026-01-01T10:00:00.000001Z"),
                user("3_user", "2026-01-01T09:59:59.999999")};
  auto request = event("2");
  request.through = watermark{"gone", "2026-01-01T10:00:00Z"};
  CHECK(cut_new(c, request).fresh == indexes{1});
}

TEST_CASE("cut: an edited conversation: the answer made again is new, what was covered stays covered") {
  conversation c = turns(1, 2);
  c.messages[3] = assistant("2b_assistant", at(9));
  const auto out = cut_new(c, event_after("2b", "2_assistant", 2));
  CHECK(out.fresh == indexes{3});
  CHECK_FALSE(out.user_spoke);
  // The user's edited message under a new id is new with it.
  c.messages[2] = user("2b_user", at(9));
  CHECK(cut_new(c, event_after("2b", "2_assistant", 2)).fresh == indexes{2, 3});
}

TEST_CASE("cut: a session begun anew under the same id after its time to live is new as a whole") {
  const auto c = turns(30, 31);
  const auto out = cut_new(c, event_after("31", "9_assistant", 9));
  CHECK(out.fresh == indexes{0, 1, 2, 3});
  CHECK(out.user_spoke);
}

TEST_CASE("cut: messages with an empty id are never taken for the watermark's") {
  conversation c;
  c.messages = {user("", at(1)), user("", at(2)), user("", at(3))};
  auto request = event("x");
  request.through = mark("", 1);
  CHECK(cut_new(c, request).fresh == indexes{1, 2});
}

TEST_CASE("cut: of equal ids the one with the watermark's timestamp is meant, else the first") {
  conversation c;
  c.messages = {user("1_user", at(1)), user("1_user", at(2)), user("1_user", at(3))};
  CHECK(cut_new(c, event_after("1", "1_user", 2)).fresh == indexes{2});
  CHECK(cut_new(c, event_after("1", "1_user", 7)).fresh == indexes{1, 2});
}

TEST_CASE("cut: messages without text are never fresh, but are passed over by the watermark") {
  conversation c;
  c.messages = {user("1_user", at(1), ""), user("2_user", at(2), " \n\t"),
                assistant("2_assistant", at(2), "")};
  const auto out = cut_new(c, event("2"));
  CHECK(out.fresh.empty());
  CHECK_FALSE(out.user_spoke);
  CHECK(out.through_index == 2);
  CHECK(out.advances);
}

TEST_CASE("cut: an empty conversation has nothing") {
  const auto out = cut_new(conversation{}, event("1"));
  CHECK(out.fresh.empty());
  CHECK_FALSE(out.event_found);
  CHECK_FALSE(out.moved_on);
  CHECK_FALSE(out.advances);
}

TEST_CASE(
    "cut: what says that it was said before the wish never comes back, what came after it is new at once") {
  auto request = event("6");
  const std::string before = at(4);
  request.forgotten.before = before;
  CHECK(cut_new(turns(1, 6), request).fresh == indexes{8, 9, 10, 11});
  request.through = mark("5_assistant", 5);
  CHECK(cut_new(turns(1, 6), request).fresh == indexes{10, 11});
}

TEST_CASE("cut: an event that was enqueued before the wish brings nothing") {
  auto request = event("6");
  const std::string before = at(4);
  request.forgotten.before = before;
  request.clock.enqueued = mw::parse_iso_time(at(4));
  CHECK(cut_new(turns(1, 6), request).fresh.empty());
  request.clock.enqueued = mw::parse_iso_time(at(6));
  CHECK(cut_new(turns(1, 6), request).fresh == indexes{8, 9, 10, 11});
}

TEST_CASE("cut: a chat's clock that runs ahead does not make the past look new") {
  // Said in minutes 1 to 6, written as 4 to 9; the wish came in minute 5.
  auto c = turns(4, 9);
  auto request = event("9");
  const std::string before = at(5);
  request.forgotten.before = before;
  request.clock.enqueued = mw::parse_iso_time(at(6));
  request.clock.completed_at = mw::parse_iso_time(at(9));
  CHECK(cut_new(c, request).fresh == indexes{10, 11});
  // Hours ahead, as local times without a zone are: only the event's own exchange is known to be new.
  for (auto& m : c.messages) m.timestamp = mw::chat::timestamp{*m.timestamp.at() + std::chrono::hours{2}};
  request.clock.completed_at = mw::parse_iso_time(at(6));
  const auto out = cut_new(c, request);
  CHECK(out.fresh == indexes{10, 11});
  CHECK(out.of_unknown_time == 5);
}

TEST_CASE("cut: what was analysed at the wish is known by its position, whatever the times say") {
  auto c = turns(1, 6);
  auto request = event("6");
  const std::string before = at(2);
  request.forgotten.before = before;
  request.forgotten.through = mark("4_assistant", 4);
  CHECK(cut_new(c, request).fresh == indexes{8, 9, 10, 11});
  for (auto& m : c.messages) m.timestamp = {};
  CHECK(cut_new(c, request).fresh == indexes{10, 11});
  CHECK(cut_new(c, request).of_unknown_time == 1);
  // One time for all says as little.
  for (auto& m : c.messages) m.timestamp = at(1);
  CHECK(cut_new(c, request).fresh == indexes{10, 11});
}

TEST_CASE("cut: behind a watermark of a time after the wish all is new, without times too") {
  auto c = turns(1, 6);
  for (auto& m : c.messages) m.timestamp = {};
  auto request = event("6");
  const std::string before = at(2);
  request.forgotten.before = before;
  request.through = watermark{"3_assistant", at(3)};
  CHECK(cut_new(c, request).fresh == indexes{6, 7, 8, 9, 10, 11});
}

TEST_CASE("cut: an unreadable forgotten_before lets nothing through") {
  auto request = event("3");
  request.forgotten.before = "some day";
  const auto out = cut_new(turns(1, 3), request);
  CHECK(out.fresh.empty());
  CHECK(out.through_index == 5);
}

TEST_CASE("cut: a skipped span enters again beside what is new, without gaps filled") {
  const auto c = turns(1, 5);
  auto request = event_after("5", "4_assistant", 4);
  request.retry = {{mark("1_assistant", 1), mark("2_user", 2)}, {mark("3_user", 3), mark("3_user", 3)}};
  const auto out = cut_new(c, request);
  CHECK(out.fresh == indexes{1, 2, 4, 8, 9});
  CHECK(out.advances);
  CHECK(out.through_index == 9);
}

TEST_CASE("cut: only retried messages: the watermark does not advance") {
  const auto c = turns(1, 3);
  auto request = event_after("3", "3_assistant", 3);
  request.retry = {{mark("2_user", 2), mark("2_assistant", 2)}};
  const auto out = cut_new(c, request);
  CHECK(out.fresh == indexes{2, 3});
  CHECK(out.user_spoke);
  CHECK_FALSE(out.advances);
}

TEST_CASE("cut: a span whose ends were trimmed away is found by time; forgotten messages stay out of it") {
  const auto c = turns(4, 8);
  auto request = event_after("8", "8_assistant", 8);
  request.retry = {{mark("1_user", 1), mark("5_user", 5)}};
  CHECK(cut_new(c, request).fresh == indexes{0, 1, 2});
  request.retry = {{mark("gone", 6), mark("also gone", 7)}};
  CHECK(cut_new(c, request).fresh == indexes{4, 5, 6, 7});
  request.retry = {{mark("gone", 1), mark("also gone", 3)}};
  CHECK(cut_new(c, request).fresh.empty());
  request.retry = {{watermark{"gone", ""}, mark("also gone", 30)}};
  CHECK(cut_new(c, request).fresh.empty());
  request.retry = {{mark("4_user", 4), mark("8_assistant", 8)}};
  request.forgotten.before = "2026-01-01T10:06:00Z";
  CHECK(cut_new(c, request).fresh == indexes{4, 5, 6, 7, 8, 9});
}

TEST_CASE("cut: a time in whole seconds does not say on which side of the wish it lies: the place does") {
  conversation c;
  const auto said_at = [](int n, const char* t) { return user(fmt::format("{}_user", n), t); };
  c.messages = {said_at(1, "2026-01-01T10:00:07Z"), said_at(2, "2026-01-01T10:00:08Z"),
                said_at(3, "2026-01-01T10:00:08Z")};
  c.messages[1].from = role::assistant;
  auto request = event("3");
  request.forgotten.before = "2026-01-01T10:00:08.500000Z";
  request.clock.enqueued = mw::parse_iso_time("2026-01-01T10:00:09Z");
  CHECK(cut_new(c, request).fresh == indexes{2});
}

TEST_CASE("cut: the conversation moved on when the user wrote after the missing event's time") {
  const auto c = turns(1, 4);
  auto request = event_after("3x", "2_assistant", 2);
  request.clock.completed_at = mw::parse_iso_time(at(3));
  auto out = cut_new(c, request);
  CHECK_FALSE(out.event_found);
  CHECK(out.moved_on);
  CHECK(out.fresh == indexes{4, 5, 6, 7});
  // Still to come: turn 5 is not in this copy yet, though turns 3 and 4 are new.
  request.clock.completed_at = mw::parse_iso_time(at(5));
  out = cut_new(c, request);
  CHECK_FALSE(out.moved_on);
  CHECK(out.user_spoke);
  // All of it analysed already.
  request = event_after("3x", "4_assistant", 4);
  request.clock.completed_at = mw::parse_iso_time(at(3));
  out = cut_new(c, request);
  CHECK(out.moved_on);
  CHECK_FALSE(out.user_spoke);
}

TEST_CASE("cut: without completedAt nothing shows that the conversation moved on") {
  const auto c = turns(1, 4);
  CHECK_FALSE(cut_new(c, event_after("3x", "2_assistant", 2)).moved_on);
  CHECK_FALSE(cut_new(c, event_after("3x", "4_user", 4)).moved_on);
  CHECK_FALSE(cut_new(c, event_after("3", "2_assistant", 2)).moved_on);
}

TEST_CASE("watermark: taken from a message without timestamp it carries the latest time before it") {
  auto c = turns(1, 3);
  const auto watermark_at = [](conversation of, size_t index) { return take_watermarks(of, {}).at(index); };
  CHECK(watermark_at(c, 3) == mark("2_assistant", 2));
  c.messages[5].timestamp = "soon";
  c.messages[4].timestamp = {};
  CHECK(watermark_at(c, 5) == mark("3_assistant", 2));
  for (auto& m : c.messages) m.timestamp = {};
  CHECK(watermark_at(c, 5) == watermark{"3_assistant", "1970-01-01T00:00:00.000000+00:00"});
}

TEST_CASE("beyond a watermark: its position decides where it is still there, its time where not") {
  const auto c = turns(1, 3);
  CHECK(first_beyond(c, mark("3_user", 3), {}) == 5);
  CHECK(first_beyond(c, mark("1_user", 1), {}) == 1);  // same time, later position
  CHECK(first_beyond(c, mark("gone", 3), {}) == 6);
  CHECK(first_beyond(c, mark("gone", 2), {}) == 4);
  CHECK(first_beyond(c, mark("gone", 4), {}) == 6);
  CHECK(first_beyond(c, watermark{"gone", ""}, {}) == 0);
  CHECK(first_beyond(c, std::nullopt, {}) == 0);
  CHECK(first_beyond(conversation{}, mark("1_user", 1), {}) == 0);
}
