// A summary that was emptied because an item was forgotten is made anew of the conversation, without what the
// item was said in.
#include <doctest/doctest.h>

#include "protocol/memory/forget.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/summary_text.hpp"
#include "protocol/memory/unsaid.hpp"
#include "tests/unit/analysis/chats.hpp"

namespace mw::analysis {
namespace {

constexpr std::string_view wish = "2026-11-23T11:20:00.000000+00:00";

/// Analysed up to message `through`; then the item that message `said` told was forgotten.
memory::context after_wish(int through, const std::string& said,
                           std::vector<memory::skipped_span> skipped = {}) {
  auto stored = stored_up_to(through, std::move(skipped));
  memory::profile user;
  user.user_id = std::string{"u"};
  user.unsaid = {{memory::session_hash("s"), memory::message_hash(said), std::string{wish}}};
  stored.user = user;
  REQUIRE(memory::empty_outdated(*stored.conversation, stored.user));
  return stored;
}

TEST_CASE("the next event shows all of the conversation but the forgotten message and the answer to it") {
  const auto stored = after_wish(6, "m3");
  auto chat = chat_of(8);
  chat.title = std::string{"About text number 3"};
  const auto p = prepared(chat, stored, job_for(8));
  REQUIRE(p.conversation);
  CHECK(ids_of(*p.conversation) == names{"m1", "m2", "m5", "m6", "m7", "m8"});
  CHECK(p.conversation->breaks == std::vector<uint32_t>{2});
  CHECK(p.conversation->previous_summary.empty());
  CHECK(p.conversation->title.empty());
  CHECK(p.conversation->base == mark(6));
  CHECK(p.conversation->through == mark(8));
  // What was analysed before is no evidence.
  CHECK(span_ids(*p.conversation) == names{"m7", "m8"});
  const auto c = commit_of(*p.conversation, {}, {}, "");
  CHECK(c.unsaid == std::string{wish});
  CHECK(c.anew);
  CHECK_FALSE(c.anew_to);
}

TEST_CASE("what was said again after the wish is new, and a message not analysed yet is left out, too") {
  const auto stored = after_wish(4, "m5");
  const auto p = prepared(chat_of(8), stored, job_for(8));
  REQUIRE(p.conversation);
  CHECK(ids_of(*p.conversation) == names{"m1", "m2", "m3", "m4", "m7", "m8"});
  CHECK(span_ids(*p.conversation) == names{"m5", "m6", "m7", "m8"});
  // Where nothing else is new, the event is done.
  const auto nothing = prepared(chat_of(6), stored, job_for(6));
  CHECK_FALSE(nothing.conversation);
  CHECK(nothing.end.end == flow::job_end::covered);
}

TEST_CASE("an event that brings nothing new has no summary made") {
  const auto p = prepared(chat_of(6), after_wish(6, "m3"), job_for(6));
  CHECK_FALSE(p.conversation);
  CHECK(p.end.end == flow::job_end::covered);
}

TEST_CASE("where nobody knows the message the summary is made of what is new alone") {
  const auto p = prepared(chat_of(8), after_wish(6, "m3"), job_for(8));
  auto stored = after_wish(6, "m3");
  stored.user->unsaid.push_back({memory::session_hash("s"), {}, "2026-11-23T11:30:00.000000+00:00"});
  REQUIRE(memory::empty_outdated(*stored.conversation, stored.user));
  const auto q = prepared(chat_of(8), stored, job_for(8));
  REQUIRE(q.conversation);
  CHECK(ids_of(*q.conversation) == names{"m7", "m8"});
  CHECK_FALSE(q.conversation->anew);
  // A paid answer from before the wish is an answer to another question.
  CHECK(fingerprint(*p.conversation) != fingerprint(*q.conversation));
}

TEST_CASE("a long conversation is made anew in rounds that end, and nothing of it is applied twice") {
  auto stored = after_wish(8, "m3");
  memory::operation old;
  old.item = std::string{"chess"};
  old.evidence = mark(5);
  names shown;
  int rounds = 0;
  for (bool covered = false; !covered; ++rounds) {
    REQUIRE(rounds < 10);
    const auto p = prepared(chat_of(10), stored, job_for(10), {.max_tokens = 50});
    REQUIRE(p.conversation);
    for (const auto& id : ids_of(*p.conversation)) shown.push_back(id);
    covered = p.conversation->covers_event;
    llm::analysis a;
    a.summary = "Talked in round " + std::to_string(rounds) + ".";
    a.operations = {old};
    const auto c = commit_of(*p.conversation, a, {}, "");
    const auto change = memory::apply_to_record(stored.conversation, c, wish);
    REQUIRE(change.outcome == memory::commit_outcome::stored);
    CHECK(memory::apply_to_profile(*stored.user, c, wish, &*stored.conversation).applied == 0);
    CHECK(change.next.summary == a.summary);
    stored.conversation = change.next;
  }
  CHECK(rounds > 2);
  CHECK(shown == names{"m1", "m2", "m5", "m6", "m7", "m8", "m9", "m10"});
  CHECK(stored.conversation->through == mark(10));
  CHECK_FALSE(stored.conversation->anew);
}

TEST_CASE(
    "what the LLM had refused is not part of the summary made anew, it is asked about alone as before") {
  const auto stored = after_wish(8, "m3", {{mark(5), mark(6), "refused", 1, "m8"}});
  const auto p = prepared(chat_of(10), stored, job_for(10));
  REQUIRE(p.conversation);
  CHECK(ids_of(*p.conversation) == names{"m1", "m2", "m7", "m8", "m9", "m10"});
  CHECK_FALSE(p.conversation->covers_event);
}

TEST_CASE("an answer that cannot be used skips what is new; what is old is left out of the summary") {
  const auto stored = after_wish(6, "m3");
  const auto p = prepared(chat_of(8), stored, job_for(8));
  const auto refused = commit_of_defaults(*p.conversation, "refused", {}, "");
  REQUIRE(refused.skipped.size() == 1);
  CHECK(refused.skipped[0].from == mark(7));
  CHECK(refused.skipped[0].to == mark(8));
  CHECK_FALSE(memory::apply_to_record(stored.conversation, refused, wish).next.anew);
  // Without budget nothing was asked: it is made anew later.
  const auto unasked = commit_of_defaults(*p.conversation, skipped_for::budget, {}, "");
  CHECK(unasked.skipped.size() == 1);
  CHECK(memory::apply_to_record(stored.conversation, unasked, wish).next.anew == memory::watermark{});
}

}  // namespace
}  // namespace mw::analysis
