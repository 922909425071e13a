#include <doctest/doctest.h>

#include "protocol/memory/summary_text.hpp"
#include "tests/unit/analysis/chats.hpp"

namespace mw::analysis {
namespace {

memory::skipped_span skipped(int from, int to, uint32_t attempts = 1, std::string reason = "refused") {
  return {mark(from), mark(to), std::move(reason), attempts};
}

std::vector<std::string> texts_of(const std::vector<memory::skipped_span>& spans) {
  std::vector<std::string> out;
  out.reserve(spans.size());
  for (const auto& s : spans)
    out.push_back(fmt::format("{}-{} {} {}", s.from.id, s.to.id, s.reason, s.attempts));
  return out;
}

loaded_conversation loaded(int messages, const memory::context& stored, uint32_t max_fresh_messages = 0) {
  auto job = job_for(messages);
  job.max_fresh_messages = max_fresh_messages;
  auto p = prepared(chat_of(messages), stored, job);
  REQUIRE(p.conversation);
  return *p.conversation;
}

/// The record after the commit was stored.
memory::record stored_after(const memory::context& before, const memory::commit& c) {
  const auto change = memory::apply_to_record(before.conversation, c, time_at(59));
  REQUIRE(change.outcome == memory::commit_outcome::stored);
  return change.next;
}

TEST_CASE("the first messages end the watermark and the span at the last of them") {
  const auto whole = loaded(6, stored_up_to(2));
  const auto part = first_messages(whole, 2);
  CHECK(ids_of(part) == names{"m3", "m4"});
  CHECK(part.through == mark(4));
  CHECK(span_ids(part) == names{"m3", "m4"});
  CHECK_FALSE(part.covers_event);
  CHECK(first_messages(whole, 4).covers_event);
  CHECK(ids_of(first_messages(whole, 0)) == names{"m3"});
}

TEST_CASE("messages that are not analysed lie in the span all the same") {
  auto c = chat_of(5);
  c.messages[3].from = chat::role::tool;
  const auto p = prepared(c, {}, job_for(5)).conversation;
  REQUIRE(p);
  CHECK(ids_of(*p) == names{"m1", "m2", "m3", "m5"});
  CHECK(span_ids(*p) == names{"m1", "m2", "m3", "m4", "m5"});
}

TEST_CASE("refused messages are asked about alone, after the new ones, at most three times") {
  auto stored = stored_up_to(4, {skipped(1, 2, 2), skipped(3, 4, 3)});
  const auto fresh = loaded(6, stored);
  CHECK(ids_of(fresh) == names{"m5", "m6"});
  CHECK(fresh.retried.empty());
  CHECK_FALSE(fresh.covers_event);
  CHECK_FALSE(fresh.cut_short);
  stored.conversation = stored_after(stored, commit_of(fresh, {}, {}, "model"));
  const auto again = loaded(6, stored);
  CHECK(ids_of(again) == names{"m1", "m2"});
  CHECK(texts_of(again.retried) == names{"m1-m2 refused 2"});
  CHECK(again.span.empty());
  CHECK(again.covers_event);
}

TEST_CASE("what was not asked about for want of budget comes back with the new messages") {
  const auto again = loaded(6, stored_up_to(4, {skipped(1, 2, 3, "budget"), skipped(4, 4, 0, "budget")}));
  CHECK(ids_of(again) == names{"m1", "m2", "m4", "m5", "m6"});
  CHECK(again.breaks == std::vector<uint32_t>{2});
  CHECK(again.covers_event);
  const auto c = commit_of_defaults(again, "budget", {}, "");
  CHECK(texts_of(c.skipped) == names{"m1-m2 budget 0", "m4-m6 budget 0"});
}

TEST_CASE(
    "skipped messages that are no longer in the conversation are given up, forgotten ones are not told") {
  auto c = chat_of(8);
  c.messages.erase(c.messages.begin(), c.messages.begin() + 4);
  auto stored = stored_up_to(6, {skipped(1, 2), skipped(3, 4, 0, "budget"), skipped(5, 5)});
  memory::profile user;
  user.forgotten_before = time_at(3);
  stored.user = user;
  const auto p = prepared(c, stored, job_for(8)).conversation;
  REQUIRE(p);
  CHECK(ids_of(*p) == names{"m7", "m8"});
  const auto after = stored_after(stored, commit_of(*p, {}, {}, "model"));
  CHECK(texts_of(after.skipped) == names{"m5-m5 refused 1", "m1-m2 expired 3", "m3-m4 budget-expired 3"});
}

TEST_CASE("a retried span that is analysed is skipped no more") {
  const auto before = stored_up_to(4, {skipped(1, 2)});
  const auto after = stored_after(before, commit_of(loaded(4, before), {}, {}, "model"));
  CHECK(after.skipped.empty());
  CHECK(after.through == mark(4));
}

TEST_CASE("retried messages alone leave the watermark where it is, and are stored as tried") {
  const auto before = stored_up_to(4, {skipped(1, 2)});
  const auto part = loaded(4, before, 2);
  CHECK(ids_of(part) == names{"m1", "m2"});
  CHECK(part.through == mark(4));
  CHECK(part.span.empty());
  const auto after = stored_after(before, commit_of(part, {}, {}, "model"));
  CHECK(after.through == mark(4));
  CHECK(after.skipped.empty());
}

TEST_CASE("a retried span that does not fit is tried in parts, and every round gets further") {
  auto stored = stored_up_to(8, {skipped(1, 7, 1, "budget")});
  std::vector<names> rounds;
  for (int round = 0; round < 3; ++round) {
    const auto part = loaded(10, stored, 3);
    rounds.push_back(ids_of(part));
    stored.conversation = stored_after(stored, commit_of(part, {}, {}, "model"));
  }
  CHECK(rounds == std::vector<names>{{"m1", "m2", "m3"}, {"m4", "m5", "m6"}, {"m7", "m9", "m10"}});
}

TEST_CASE("defaults for a part of a retried span count the try for that part only") {
  const auto before = stored_up_to(8, {skipped(1, 6)});
  const auto part = loaded(8, before, 4);
  const auto after = stored_after(before, commit_of_defaults(part, "refused", {}, "model"));
  CHECK(texts_of(after.skipped) == names{"m5-m6 refused 1", "m1-m4 refused 2"});
}

TEST_CASE("defaults record the new messages as skipped once, and what was skipped before stays as it is") {
  const auto before = stored_up_to(4, {skipped(1, 2)});
  const auto c = commit_of_defaults(loaded(7, before), "content-filtered", {}, "model");
  CHECK(c.retried.empty());
  CHECK(c.defaults);
  CHECK(c.summary == memory::default_summary);
  CHECK(c.operations.empty());
  CHECK(texts_of(c.skipped) == names{"m5-m7 content-filtered 1"});
  CHECK(c.through == mark(7));
}

TEST_CASE("defaults for a refused span alone are one attempt more, and it waits for the next message then") {
  auto stored = stored_up_to(4, {skipped(1, 2)});
  const auto c = commit_of_defaults(loaded(4, stored), "content-filtered", {}, "model");
  CHECK(texts_of(c.skipped) == names{"m1-m2 content-filtered 2"});
  stored.conversation = stored_after(stored, c);
  CHECK(prepared(chat_of(4), stored, job_for(4)).end.end == flow::job_end::covered);
  CHECK(prepared(chat_of(5), stored, job_for(5)).conversation);
}

TEST_CASE("a delivery that has cost many calls asks about nothing that was skipped before") {
  auto job = job_for(4);
  job.calls_used = 5;
  const auto stored = stored_up_to(4, {skipped(1, 2)});
  CHECK(prepared(chat_of(4), stored, job).end.end == flow::job_end::covered);
}

TEST_CASE("defaults never replace a summary that was made") {
  const auto before = stored_up_to(4);
  const auto after = stored_after(before, commit_of_defaults(loaded(6, before), "refused", {}, "model"));
  CHECK(after.summary == "They talked.");
  CHECK(after.status == memory::record_status::ok);
  CHECK(after.through == mark(6));
}

TEST_CASE("a commit carries the answer, where it began and what it cost") {
  auto stored = stored_up_to(2);
  memory::profile user;
  user.epoch = 5;
  stored.user = user;
  llm::analysis a;
  a.summary = std::string{"About boats."};
  a.themes = {"boats"};
  a.persons = {"Ann"};
  a.places = {"Kiel"};
  a.user_sentiment = memory::sentiment::positive;
  a.operations = {{memory::op_kind::add, memory::category::interests, "boats", "", "boats", mark(3)}};
  memory::usage used;
  used.prompt_tokens = 11;
  const auto c = commit_of(loaded(4, stored), a, used, "model-1");
  CHECK(c.base == mark(2));
  CHECK(c.epoch == 5);
  CHECK(c.profile_existed);
  CHECK(c.summary == "About boats.");
  CHECK(c.themes == names{"boats"});
  CHECK(c.persons == names{"Ann"});
  CHECK(c.places == names{"Kiel"});
  CHECK(c.user_sentiment == memory::sentiment::positive);
  CHECK(c.operations.size() == 1);
  CHECK(c.used.prompt_tokens == 11);
  CHECK(c.model == "model-1");
  CHECK_FALSE(c.defaults);
}

TEST_CASE("the fingerprint is the same for the same question and another one for any other") {
  const auto base = loaded(6, stored_up_to(2));
  CHECK(fingerprint(base) == fingerprint(loaded(6, stored_up_to(2))));
  const auto differs = [&](auto change) {
    auto other = base;
    change(other);
    return fingerprint(other) != fingerprint(base);
  };
  CHECK(differs([](auto& c) { c.user_id = std::string{"v"}; }));
  CHECK(differs([](auto& c) { c.session_id = std::string{"t"}; }));
  CHECK(differs([](auto& c) { c.epoch = 9; }));
  CHECK(differs([](auto& c) { c.base.reset(); }));
  CHECK(differs([](auto& c) { c.through = mark(9); }));
  CHECK(differs([](auto& c) { c.messages.pop_back(); }));
  CHECK(differs([](auto& c) { c.messages[0].position.id = std::string{"m9"}; }));
  CHECK(differs([](auto& c) { c.messages[0].text += "!"; }));
  CHECK(differs([](auto& c) { c.messages[0].text[0] = 'T'; }));
}

}  // namespace
}  // namespace mw::analysis
