#include <doctest/doctest.h>

#include "protocol/memory/forget.hpp"
#include "tests/unit/analysis/chats.hpp"

namespace mw::analysis {
namespace {

TEST_CASE("a first conversation is analysed whole and the watermark goes to its last message") {
  const auto p = prepared(chat_of(4), {}, job_for(4));
  REQUIRE(p.conversation);
  CHECK(ids_of(*p.conversation) == names{"m1", "m2", "m3", "m4"});
  CHECK(span_ids(*p.conversation) == names{"m1", "m2", "m3", "m4"});
  CHECK(p.conversation->through == mark(4));
  CHECK_FALSE(p.conversation->base);
  CHECK_FALSE(p.conversation->profile_existed);
  CHECK(p.conversation->covers_event);
  CHECK_FALSE(p.message_missing_but_moved_on);
}

TEST_CASE("only what lies after the stored watermark is read again, the stored summary goes along") {
  auto stored = stored_up_to(2);
  memory::profile user;
  user.epoch = 3;
  user.lists[0] = {"short answers"};
  stored.user = user;
  const auto p = prepared(chat_of(5), stored, job_for(5));
  REQUIRE(p.conversation);
  CHECK(ids_of(*p.conversation) == names{"m3", "m4", "m5"});
  CHECK(p.conversation->base == mark(2));
  CHECK(p.conversation->previous_summary == "They talked.");
  CHECK(p.conversation->epoch == 3);
  CHECK(p.conversation->profile_existed);
  CHECK(p.conversation->profile[0] == names{"short answers"});
}

TEST_CASE(
    "messages carry when they were said and their place; without a timestamp the event's enqueued time") {
  const auto us = [](int minute) { return parse_iso_time(time_at(minute))->time_since_epoch().count(); };
  auto c = chat_of(5);
  c.messages[4].timestamp = {};
  auto job = job_for(5);
  job.enqueued_ms = us(20) / 1000;
  const auto p = prepared(c, stored_up_to(2), job);
  REQUIRE(p.conversation);
  CHECK(p.conversation->messages[0].said_us == us(3));
  CHECK(p.conversation->messages[0].place == 3);
  CHECK(p.conversation->messages[2].said_us == us(20));
  job.enqueued_ms = 0;
  CHECK(prepared(c, stored_up_to(2), job).conversation->messages[2].said_us == us(5));
  job.completed_at_ms = 0;
  CHECK(prepared(c, stored_up_to(2), job, {.now = *parse_iso_time(time_at(30))})
            .conversation->messages[2]
            .said_us == us(30));
}

TEST_CASE("defaults and the Python worker's placeholders are no summary to go on from") {
  auto stored = stored_up_to(2);
  stored.conversation->status = memory::record_status::defaults;
  CHECK(prepared(chat_of(4), stored, job_for(4)).conversation->previous_summary.empty());
  stored = stored_up_to(2);
  stored.conversation->summary = std::string{"Error analyzing conversation"};
  CHECK(prepared(chat_of(4), stored, job_for(4)).conversation->previous_summary.empty());
}

TEST_CASE("a conversation of another user fails as owner mismatch, whatever it holds") {
  auto c = chat_of(4);
  c.user_id = std::string{"somebody else"};
  const auto p = prepared(c, {}, job_for(4));
  CHECK_FALSE(p.conversation);
  CHECK(p.end.end == flow::job_end::failed);
  CHECK(p.end.error.code == errc::owner_mismatch);
  CHECK(p.end.id == 7);
  CHECK(p.end.attempt == 2);
  CHECK(p.end.error.detail.find("text number") == std::string::npos);
}

TEST_CASE("an event at or below the watermark is covered without a call") {
  const auto p = prepared(chat_of(4), stored_up_to(4), job_for(2));
  CHECK_FALSE(p.conversation);
  CHECK(p.end.end == flow::job_end::covered);
}

TEST_CASE("where only the assistant spoke since, the event is covered") {
  const auto p = prepared(chat_of(4), stored_up_to(3), job_for(4));
  CHECK_FALSE(p.conversation);
  CHECK(p.end.end == flow::job_end::covered);
}

TEST_CASE("a conversation that is not quiet yet is postponed until it is, and only if the job allows it") {
  auto c = chat_of(3);
  c.last_activity = parse_iso_time(time_at(30));
  auto job = job_for(3);
  const asked a{24'000, *c.last_activity + std::chrono::seconds{20}, std::chrono::seconds{60}};
  CHECK(prepared(c, {}, job, a).conversation);
  job.may_postpone = true;
  const auto p = prepared(c, {}, job, a);
  CHECK_FALSE(p.conversation);
  CHECK(p.end.end == flow::job_end::postponed);
  CHECK(p.end.postpone_ms == 40'000);
  CHECK(prepared(c, {}, job, {24'000, *c.last_activity + std::chrono::seconds{60}, a.quiet}).conversation);
}

TEST_CASE("an activity time in the future postpones nothing") {
  auto c = chat_of(3);
  c.last_activity = parse_iso_time(time_at(30));
  auto job = job_for(3);
  job.may_postpone = true;
  const asked a{24'000, *c.last_activity - std::chrono::hours{24}, std::chrono::seconds{60}};
  CHECK(prepared(c, {}, job, a).conversation);
}

TEST_CASE("an event whose message is not there fails as missing until the user has written since") {
  auto job = job_for(9);
  auto p = prepared(chat_of(4), {}, job);
  CHECK(p.end.end == flow::job_end::failed);
  CHECK(p.end.error.code == errc::message_missing);

  p = prepared(chat_of(4), stored_up_to(9), job);
  CHECK(p.end.end == flow::job_end::covered);

  job.completed_at_ms = job_for(2).completed_at_ms;
  p = prepared(chat_of(4), {}, job);
  REQUIRE(p.conversation);
  CHECK(p.message_missing_but_moved_on);
}

TEST_CASE("a message id that only begins like the event's is another message") {
  auto c = chat_of(2);
  c.messages[1].id = std::string{"m20"};
  c.messages[0].id = std::string{"m20_user"};
  CHECK(prepared(c, {}, job_for(2)).end.error.code == errc::message_missing);
  c.messages[1].id = std::string{"m2_assistant"};
  CHECK(prepared(c, {}, job_for(2)).conversation);
}

TEST_CASE("the token limit cuts the conversation, but never to nothing") {
  auto c = chat_of(6);
  for (auto& m : c.messages) m.content.assign(4'000, 'x');
  const auto part = prepared(c, {}, job_for(6), {3'000}).conversation;
  REQUIRE(part);
  CHECK(ids_of(*part) == names{"m1", "m2"});
  CHECK(part->through == mark(2));
  CHECK(span_ids(*part) == names{"m1", "m2"});
  CHECK_FALSE(part->covers_event);

  const auto one = prepared(c, {}, job_for(6), {10}).conversation;
  REQUIRE(one);
  CHECK(ids_of(*one) == names{"m1"});
}

TEST_CASE("a job's limit of messages cuts as well, and the next round goes on behind it") {
  auto job = job_for(6);
  job.max_fresh_messages = 2;
  const auto first = prepared(chat_of(6), {}, job).conversation;
  REQUIRE(first);
  CHECK(ids_of(*first) == names{"m1", "m2"});
  CHECK_FALSE(first->covers_event);
  const auto last = prepared(chat_of(6), stored_up_to(4), job).conversation;
  REQUIRE(last);
  CHECK(ids_of(*last) == names{"m5", "m6"});
  CHECK(last->covers_event);
}

TEST_CASE("messages before the user's wish to forget everything are never read") {
  memory::context stored;
  memory::profile user;
  user.forgotten_before = time_at(3);
  user.epoch = 1;
  stored.user = user;
  const auto p = prepared(chat_of(9), stored, job_for(9));
  REQUIRE(p.conversation);
  CHECK(ids_of(*p.conversation) == names{"m4", "m5", "m6", "m7", "m8", "m9"});
}

TEST_CASE("one forgotten conversation starts anew after the wish, and its commit is not turned away for it") {
  memory::profile user;
  user.user_id = std::string{"u"};
  const auto wish = *parse_iso_time(time_at(3));
  memory::context stored;
  stored.user = memory::forget_session(user, "s", std::nullopt, wish).next;
  const auto p = prepared(chat_of(9), stored, job_for(9));
  REQUIRE(p.conversation);
  CHECK(ids_of(*p.conversation) == names{"m4", "m5", "m6", "m7", "m8", "m9"});
  const auto commit = commit_of(*p.conversation, {}, {}, "model");
  CHECK_FALSE(memory::check_epoch(stored.user, commit));

  const auto other =
      memory::forget_session(*stored.user, "s", std::nullopt, wish + std::chrono::minutes{30}).next;
  CHECK(memory::check_epoch(other, commit) == memory::commit_outcome::reload);
}

TEST_CASE("a record covers an event by the message or by its time, and nothing covers one without a record") {
  const auto job = job_for(4);
  CHECK(record_covers_event(stored_up_to(4), job));
  CHECK(record_covers_event(stored_up_to(5), job));
  CHECK_FALSE(record_covers_event(stored_up_to(3), job));
  CHECK_FALSE(record_covers_event({}, job));
  auto timeless = stored_up_to(5);
  timeless.conversation->through->timestamp = {};
  CHECK_FALSE(record_covers_event(timeless, job));
}

}  // namespace
}  // namespace mw::analysis
