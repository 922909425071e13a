// Messages that an analysis had to skip come again with the conversation's next event, three times. They were
// charged for answers that were not about them: for refusals of the new messages they were asked with, for a
// spent budget; and a commit the store refused forgot those that were still to come. What was given up nobody
// was told.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "protocol/analysis/skipped_book.hpp"
#include "tests/unit/actors/world.hpp"
#include "tests/unit/analysis/chats.hpp"

using namespace mw;
using namespace mw::test;

namespace {

failure llm_failure(errc code) {
  return fail(dependency::llm, code, "as the case says");
}

/// The LLM refuses every question that holds this message.
void refuse(world& w, std::string id) {
  w.llm.judge = [id = std::move(id)](const llm::analysis_input& i) -> std::optional<failure> {
    for (const auto& m : i.messages)
      if (m.position.id == id) return llm_failure(errc::refused);
    return std::nullopt;
  };
}

/// m1 and m2 could not be used, once.
void skip_the_first_two(world& w) {
  w.llm.failures = {llm_failure(errc::invalid_answer), llm_failure(errc::invalid_answer)};
  w.say(1, "ann", "s1", 2);
  w.advance(seconds{1});
}

texts skipped_in(const world& w, const std::string& session = "s1") {
  texts out;
  for (const auto& s : w.store.records.at(session).skipped)
    out.push_back(fmt::format("{}-{} {} {}", s.from.id, s.to.id, s.reason, s.attempts));
  return out;
}

config::settings with_budget() {
  auto s = plain_settings();
  s.llm_analyzer.budget_tokens_per_day = 100;
  return s;
}

void next_day(world& w) {
  w.advance(std::chrono::hours{24}, std::chrono::minutes{1});
}

}  // namespace

TEST_CASE("a refusal of the new messages is not charged to those that were skipped before") {
  world w;
  skip_the_first_two(w);
  REQUIRE(skipped_in(w) == texts{"m1-m2 invalid-answer 1"});
  refuse(w, "m3");
  w.say(2, "ann", "s1", 3);
  w.advance(seconds{1});
  CHECK(skipped_in(w) == texts{"m3-m3 refused 1"});
  CHECK(w.llm.calls.back().messages == texts{"m1", "m2"});
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
}

TEST_CASE("skipped messages that are refused again do not take the new ones with them") {
  world w;
  skip_the_first_two(w);
  w.llm.calls.clear();
  w.llm.judge = [](const llm::analysis_input& i) -> std::optional<failure> {
    const bool old = i.messages.front().position.id == "m1";
    return old ? std::optional{llm_failure(errc::invalid_answer)} : std::nullopt;
  };
  w.say(2, "ann", "s1", 4);
  w.advance(seconds{1});
  REQUIRE(w.llm.calls.size() == 3);
  CHECK(w.llm.calls[0].messages == texts{"m3", "m4"});
  CHECK(skipped_in(w) == texts{"m1-m2 invalid-answer 2"});
  CHECK(w.store.records.at("s1").summary == "About m3 m4");
}

TEST_CASE("each skipped span is asked about alone, once an event") {
  world w;
  w.say(1, "ann", "s1", 8);
  w.advance(seconds{1});
  auto& r = w.store.records.at("s1");
  r.skipped = {{analysis::mark(1), analysis::mark(2), "refused", 1},
               {analysis::mark(3), analysis::mark(4), "refused", 1}};
  w.llm.calls.clear();
  refuse(w, "m1");
  w.say(2, "ann", "s1", 10);
  w.advance(seconds{1});
  std::vector<texts> questions;
  for (const auto& call : w.llm.calls) questions.push_back(call.messages);
  CHECK(questions == std::vector<texts>{{"m9", "m10"}, {"m1", "m2"}, {"m1"}, {"m3", "m4"}, {"m2"}});
  CHECK(skipped_in(w) == texts{"m1-m1 refused 2"});
  CHECK(w.bus.settled == texts{"1 complete", "2 complete"});
}

TEST_CASE("an outage while skipped messages are asked about again uses up none of their attempts") {
  world w;
  skip_the_first_two(w);
  int down = 12;
  w.llm.judge = [&](const llm::analysis_input& i) -> std::optional<failure> {
    if (i.messages.front().position.id != "m1" || down == 0) return std::nullopt;
    --down;
    return llm_failure(errc::overloaded);
  };
  w.say(2, "ann", "s1", 4);
  w.advance(std::chrono::minutes{2});
  CHECK(skipped_in(w).empty());
  CHECK(w.bus.settled.back() == "2 complete");
}

TEST_CASE("an event that comes again at the same place costs skipped messages no attempt") {
  world w;
  skip_the_first_two(w);
  w.deliver(2, "ann", "s1", 1);
  w.advance(seconds{1});
  CHECK(w.llm.calls.size() == 2);
  CHECK(skipped_in(w) == texts{"m1-m2 invalid-answer 1"});
}

TEST_CASE(
    "what was not asked about for want of budget comes back whole, however often the budget was spent") {
  world w{with_budget()};
  w.say(1, "bob", "other", 2);
  w.advance(seconds{1});
  for (int n = 2; n <= 6; ++n) {
    w.say(n, "ann", "s1", n * 2 - 2);
    w.advance(seconds{1});
  }
  CHECK(w.llm.calls.size() == 1);
  CHECK(skipped_in(w) == texts{"m1-m10 budget 0"});
  next_day(w);
  w.say(9, "ann", "s1", 12);
  w.advance(seconds{1});
  REQUIRE(w.llm.calls.size() == 2);
  CHECK(w.llm.calls[1].messages.size() == 12);
  CHECK(skipped_in(w).empty());
}

TEST_CASE("a spent budget costs what was refused before no attempt") {
  world w{with_budget()};
  refuse(w, "m1");
  w.say(1, "ann", "s1", 1);
  w.advance(seconds{1});
  w.llm.judge = nullptr;
  w.say(2, "bob", "other", 2);
  w.advance(seconds{1});
  for (int n = 3; n <= 6; ++n) {
    w.say(n, "ann", "s1", n);
    w.advance(seconds{1});
  }
  CHECK(skipped_in(w) == texts{"m1-m1 refused 1", "m2-m6 budget 0"});
  CHECK(w.bus.settled.back() == "6 complete");
  next_day(w);
  w.llm.calls.clear();
  w.say(7, "ann", "s1", 7);
  w.advance(seconds{1});
  REQUIRE(w.llm.calls.size() >= 1);
  CHECK(w.llm.calls[0].messages == texts{"m2", "m3", "m4", "m5", "m6", "m7"});
}

TEST_CASE("after three refusals messages are given up, counted by reason and told by /status") {
  world w;
  refuse(w, "m1");
  for (int n = 1; n <= 3; ++n) {
    w.say(n, "ann", "s1", n * 2 - 1);
    w.advance(seconds{1});
  }
  CHECK(skipped_in(w) == texts{"m1-m1 refused 3"});
  CHECK(w.metrics.spans_given_up.at("refused").Value() == 1);
  CHECK(w.status_json().find(R"({"session":"s1","from":"m1","to":"m1","reason":"refused","at":)") !=
        std::string::npos);
  const size_t calls = w.llm.calls.size();
  w.say(4, "ann", "s1", 7);
  w.advance(seconds{1});
  CHECK(w.llm.calls.size() == calls + 1);
  CHECK(w.metrics.spans_given_up.at("refused").Value() == 1);
}

TEST_CASE("what waits for the budget and outlives its conversation is counted and told, once") {
  world w{with_budget()};
  w.say(1, "bob", "other", 2);
  w.advance(seconds{1});
  w.say(2, "ann", "s1", 2);
  w.say(3, "eve", "s2", 2);
  w.advance(seconds{1});
  CHECK(w.status_json().find(R"("waiting_for_budget":2)") != std::string::npos);
  w.advance(std::chrono::hours{23}, std::chrono::minutes{1});
  CHECK(w.metrics.spans_given_up.at("budget-expired").Value() == 0);
  w.say(4, "eve", "s2", 4);  // the next day has its own budget
  w.advance(std::chrono::hours{2}, std::chrono::minutes{1});
  CHECK(w.metrics.spans_given_up.at("budget-expired").Value() == 1);
  CHECK(w.status_json().find(R"({"session":"s1","from":"m1","to":"m2","reason":"budget-expired","at":)") !=
        std::string::npos);
  CHECK(w.status_json().find(R"("waiting_for_budget":0)") != std::string::npos);

  // Its session goes on after all, in a conversation that begins anew.
  next_day(w);
  chat::conversation c;
  c.session_id = "s1";
  c.user_id = "ann";
  c.messages = {{"m8", chat::role::user, "I am back", "2026-11-25T11:00:00.000000+00:00"}};
  w.redis.conversations["s1"] = chat::write_conversation(c);
  w.deliver(5, "ann", "s1");
  w.advance(seconds{1});
  CHECK(skipped_in(w) == texts{"m1-m2 budget-expired 3"});
  CHECK(w.metrics.spans_given_up.at("budget-expired").Value() == 1);
}

TEST_CASE("another replica that analyses what waited leaves nothing to tell") {
  world w{with_budget()};
  w.say(1, "bob", "other", 2);
  w.advance(seconds{1});
  w.say(2, "ann", "s1", 2);
  w.advance(seconds{1});
  w.store.records.at("s1").skipped.clear();
  w.advance(std::chrono::hours{25}, std::chrono::minutes{1});
  CHECK(w.metrics.spans_given_up.at("budget-expired").Value() == 0);
  CHECK(w.status_json().find(R"("waiting_for_budget":0)") != std::string::npos);
}

TEST_CASE("a commit that the store refuses forgets nothing of what is still to come") {
  const memory::skipped_span again{analysis::mark(1), analysis::mark(6), "refused", 1};
  const auto stored = analysis::stored_up_to(8, {again});
  auto job = analysis::job_for(8);
  job.max_fresh_messages = 4;
  const auto part = analysis::prepared(analysis::chat_of(8), stored, job).conversation;
  REQUIRE(part);
  REQUIRE(analysis::ids_of(*part) == analysis::names{"m1", "m2", "m3", "m4"});
  auto c = analysis::commit_of(*part, {}, {}, "model");
  analysis::mark_refused(c);
  const auto after = memory::apply_to_record(stored.conversation, c, analysis::time_at(9)).next;
  REQUIRE(after.skipped.size() == 1);
  CHECK(after.skipped[0].from == analysis::mark(1));
  CHECK(after.skipped[0].to == analysis::mark(6));
  CHECK(after.skipped[0].attempts == 2);
}

TEST_CASE("new messages the store refuses are given up; what was skipped before still comes") {
  world w;
  skip_the_first_two(w);
  const auto refusal = fail(dependency::memory, errc::rejected, "no such field");
  w.store.refuse_writes = {refusal, refusal};
  w.say(2, "ann", "s1", 4);
  w.advance(seconds{5});
  CHECK(w.bus.settled.back() == "2 dead-letter memory-rejected");
  CHECK(skipped_in(w) == texts{"m1-m2 invalid-answer 1", "m3-m4 memory-rejected 3"});
  CHECK(w.metrics.spans_given_up.at("memory-rejected").Value() == 1);
  w.say(3, "ann", "s1", 6);
  w.advance(seconds{1});
  CHECK(w.llm.calls.back().messages == texts{"m1", "m2"});
  CHECK(skipped_in(w) == texts{"m3-m4 memory-rejected 3"});
}

TEST_CASE("a placeholder the store refuses leaves its messages to come again") {
  auto c = analysis::commit_of_defaults(
      *analysis::prepared(analysis::chat_of(4), {}, analysis::job_for(4)).conversation, "budget", {}, "");
  analysis::mark_refused(c);
  REQUIRE(c.skipped.size() == 1);
  CHECK(c.skipped[0].waits_for_budget());
  CHECK(c.keep_summary);
}

TEST_CASE("a record full of given-up spans has room for those that are still to come") {
  memory::commit c;
  c.user_id = "u";
  c.session_id = "s";
  c.through = analysis::mark(1);
  memory::record r;
  r.skipped.push_back({{"waits", ""}, {"waits", ""}, "budget", 0});
  for (size_t i = 1; i < memory::max_skipped; ++i) {
    const auto id = fmt::format("g{}", i);
    r.skipped.push_back({{id, ""}, {id, ""}, "refused", 3});
  }
  c.skipped = {{{"new", ""}, {"new", ""}, "refused", 1}};
  const auto next = memory::apply_to_record(r, c, analysis::time_at(2)).next;
  REQUIRE(next.skipped.size() == memory::max_skipped);
  CHECK(next.skipped.front().from.id == "waits");
  CHECK(next.skipped.back().from.id == "new");
}

TEST_CASE("the book of waiting spans is bounded, in number and in the length of ids") {
  analysis::skipped_book book;
  memory::commit c;
  c.user_id = "u";
  const wall_time now{};
  const std::string longest(100'000, 'x');
  for (size_t i = 0; i < analysis::skipped_book::most_waiting + 5; ++i) {
    c.session_id = fmt::format("s{}", i);
    c.skipped = {{{longest, ""}, {longest, ""}, "budget", 0}};
    CHECK(book.stored(c, now + std::chrono::milliseconds{i}).empty());
  }
  CHECK(book.json().starts_with(
      fmt::format(R"({{"waiting_for_budget":{},)", analysis::skipped_book::most_waiting)));
  const auto first = book.overdue(now + std::chrono::hours{25}, 1);
  REQUIRE(first.size() == 1);
  CHECK(first[0].session_id == "s5");
  CHECK(first[0].span.from.id.size() == 128);
}
