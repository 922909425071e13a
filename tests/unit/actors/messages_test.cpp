#include <doctest/doctest.h>

#include "protocol/messages.hpp"

namespace mw {
namespace {

template <class T>
T round_trip(T sent) {
  std::vector<char> bytes;
  caf::binary_serializer sink{nullptr, bytes};
  REQUIRE_FALSE(sink(sent));
  T received{};
  caf::binary_deserializer source{nullptr, bytes};
  REQUIRE_FALSE(source(received));
  CHECK(source.remaining() == 0);
  CHECK(caf::deep_to_string(received) == caf::deep_to_string(sent));
  return received;
}

flow::job_spec spec() {
  flow::job_spec s;
  s.id = 0x1234567890;
  s.attempt = 3;
  s.sequence_number = -7;
  s.delivery_count = 2;
  s.ids = event_ids{"user", "session", "message", "00-trace"};
  s.completed_at_ms = 1'700'000'000'123;
  s.enqueued_ms = 1'700'000'000'456;
  s.may_postpone = true;
  s.calls_used = 4;
  s.max_fresh_messages = 5;
  s.message_given_up = true;
  return s;
}

failure trouble() {
  return {errc::throttled, dependency::llm, "slow down", std::chrono::milliseconds{1'500}};
}

memory::skipped_span span(std::string reason) {
  return {{"m1", "t1"}, {"m2", "t2"}, std::move(reason), 2, "m0"};
}

analysis::loaded_conversation conversation(bool with_base) {
  analysis::loaded_conversation c;
  c.user_id = std::string{"user"};
  c.session_id = std::string{"session"};
  c.title = std::string{"title"};
  c.profile[0] = {"first"};
  c.profile[8] = {"last", "of nine"};
  c.profile_existed = true;
  c.epoch = 9;
  c.forgotten_before = std::string{"2026-01-01"};
  c.previous_summary = std::string{"before"};
  if (with_base) c.base = chat::watermark{"m0", "t0"};
  c.through = {"m2", "t2"};
  c.span = {{0, {}}, {analysis::span_part::not_analysed, {"m2", "t2"}}};
  c.retried = {span("refused")};
  c.left = {span("left")};
  c.expired = {span("expired")};
  c.breaks = {3};
  c.retry_alone = true;
  c.cut_short = true;
  c.messages = {{chat::role::assistant, "text", {"m1", "t1"}, false, 12, 3}};
  c.covers_event = false;
  return c;
}

memory::commit commit(bool with_base) {
  memory::commit c;
  c.user_id = std::string{"user"};
  c.session_id = std::string{"session"};
  c.epoch = 9;
  c.profile_existed = true;
  c.forgotten_before = std::string{"2026-01-01"};
  if (with_base) c.base = chat::watermark{"m0", "t0"};
  c.through = {"m2", "t2"};
  c.span = {{"m2", "t2"}};
  c.defaults = true;
  c.summary = std::string{"summary"};
  c.themes = {"theme"};
  c.persons = {"person"};
  c.places = {"place"};
  c.user_sentiment = memory::sentiment::negative;
  c.embedding = {0.5F, -1.0F};
  c.operations = {{memory::op_kind::replace, memory::category::goals, "new", "old", "quote", {"m2", "t2"}}};
  c.skipped = {span("refused")};
  c.retried = {{{"m1", "t1"}, {"m2", "t2"}}};
  c.keep_summary = true;
  c.model = std::string{"model"};
  c.used = {1, 2, 3, 4, 5};
  return c;
}

TEST_CASE("a delivery and its ids cross a node unchanged") {
  const auto d = round_trip(delivery{-5, 2, spec().ids, 1, 2, ~uint64_t{0}, 4, "not an event", 77});
  CHECK(d.enqueued_ms == 77);
  CHECK(d.sequence_number == -5);
  CHECK(d.ids.user() == "user");
  CHECK(d.ids.session() == "session");
  CHECK(d.ids.chat_message() == "message");
  CHECK(d.ids.traceparent() == "00-trace");
  CHECK(d.token_high == ~uint64_t{0});
  CHECK(d.unreadable == "not an event");
  CHECK(round_trip(delivery{}).ids.user().empty());
}

TEST_CASE("jobs and their results cross a node unchanged") {
  CHECK(round_trip(job{spec()}).spec.may_postpone);
  CHECK(round_trip(job{spec()}).spec.message_given_up);
  CHECK(round_trip(job{spec()}).spec.enqueued_ms == spec().enqueued_ms);
  flow::job_result r;
  r.id = 1;
  r.attempt = 2;
  r.end = flow::job_end::partial;
  r.at = flow::stage::commit;
  r.error = trouble();
  r.calls_used = 3;
  r.max_fresh_messages = 4;
  r.postpone_ms = 5;
  r.record_covers_event = true;
  r.redis_looks_emptied = true;
  r.fresh_without_message = true;
  const auto got = round_trip(job_done{r}).result;
  CHECK(got.end == flow::job_end::partial);
  CHECK(got.error.code == errc::throttled);
  CHECK(got.error.from == dependency::llm);
  CHECK(got.error.retry_after == std::chrono::milliseconds{1'500});
  CHECK(got.redis_looks_emptied);
  CHECK(got.fresh_without_message);
}

TEST_CASE("a loaded conversation crosses a node unchanged, with and without a stored watermark") {
  for (const bool with_base : {true, false}) {
    const auto c = round_trip(loaded_job{spec(), conversation(with_base), "saved"}).conversation;
    CHECK(c.base.has_value() == with_base);
    if (c.base) CHECK(c.base->id == "m0");
    CHECK(c.profile[8] == std::vector<std::string>{"last", "of nine"});
    CHECK(c.forgotten_before == "2026-01-01");
    CHECK(c.left.size() == 1);
    CHECK(c.expired.size() == 1);
    CHECK(c.breaks == std::vector<uint32_t>{3});
    CHECK(c.retry_alone);
    CHECK(c.cut_short);
    CHECK_FALSE(c.messages.at(0).fresh);
    CHECK_FALSE(c.covers_event);
  }
}

TEST_CASE("an analysis crosses a node unchanged, with and without a stored watermark") {
  for (const bool with_base : {true, false}) {
    const auto j = round_trip(analysed_job{spec(), commit(with_base), false, true, 6, 7});
    CHECK(j.commit.base.has_value() == with_base);
    if (j.commit.base) CHECK(j.commit.base->timestamp == "t0");
    CHECK(j.commit.forgotten_before == "2026-01-01");
    CHECK(j.commit.keep_summary);
    CHECK(j.commit.embedding == std::vector<float>{0.5F, -1.0F});
    CHECK(j.commit.operations.at(0).in == memory::category::goals);
    CHECK(j.commit.used.calls == 5);
    CHECK(j.max_fresh_messages == 7);
  }
}

TEST_CASE("settlements, demand and what else is said between the actors cross a node unchanged") {
  CHECK(round_trip(settle{{{1, action::dead_letter, "why", "in words"}, {2, action::release, "", ""}}})
            .settlements.size() == 2);
  CHECK(round_trip(settled{{1, -2, 3}}).sequence_numbers == std::vector<int64_t>{1, -2, 3});
  CHECK(round_trip(lock_lost{4}).sequence_number == 4);
  CHECK(round_trip(settlement_failed{5}).sequence_number == 5);
  CHECK(round_trip(entered{1, 2, flow::stage::analyse}).at == flow::stage::analyse);
  CHECK(round_trip(demand{flow::stage::commit, 6}).items == 6);
  CHECK_FALSE(round_trip(intake{false, 7}).open);
  CHECK(round_trip(adopt{{1}, {2}, {3}, {4}}).latest_end_ns == std::vector<int64_t>{4});
  CHECK(round_trip(freed{{8, 9}}).jobs == std::vector<uint64_t>{8, 9});
  CHECK(round_trip(probe{dependency::memory}).about == dependency::memory);
  CHECK(round_trip(probed{dependency::llm, true}).well);
  CHECK(round_trip(link_up{10}).generation == 10);
  CHECK(round_trip(intake_closed{11}).generation == 11);
  CHECK(round_trip(count_failure{11, 12}).sequence_number == 12);
  CHECK(round_trip(failure_counted{13, 14}).failures == 14);
  CHECK(round_trip(flush_windows{"user", "session"}).session == "session");
  CHECK(round_trip(stage_down{flow::stage::analyse, 15, true}).away);
  CHECK(round_trip(drain{true}).abort);
  CHECK(round_trip(drained{16}).left == 16);
}

}  // namespace
}  // namespace mw
