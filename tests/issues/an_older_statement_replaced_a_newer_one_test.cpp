// A conversation that was analysed late brought its older statements over newer ones: "I live in Berlin" of
// the morning replaced the Hamburg of the evening, and what had been removed meanwhile came back. Item by
// item the newest evidence wins, whatever is analysed first. The property behind it:
// tests/unit/memory/convergence_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>

#include "protocol/chat/event.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/items.hpp"
#include "tests/unit/actors/world.hpp"
#include "tests/unit/memory/fixtures.hpp"

using namespace mw::memory;
using texts = std::vector<std::string>;

namespace {

/// Operations of one session, in a commit of its own; message n is said at minute n.
profile heard(const profile& p, const std::string& session, std::vector<operation> operations) {
  commit c = make_commit(0, 30);
  c.session_id = session;
  c.operations = std::move(operations);
  return apply_to_profile(p, c, now).next;
}

profile_change late(const profile& p, const std::string& session, std::vector<operation> operations) {
  commit c = make_commit(0, 30);
  c.session_id = session;
  c.operations = std::move(operations);
  return apply_to_profile(p, c, now);
}

profile known(const texts& items) {
  profile p;
  p.lists.at(static_cast<size_t>(category::interests)) = items;
  return p;
}

const mw::wall_time minute_20 = *mw::parse_iso_time(msg(20).timestamp);

}  // namespace

TEST_CASE("an older statement, analysed later, does not replace a newer one") {
  const profile p = heard({}, "evening", {op_add("lives in Hamburg", 20)});
  const auto change = late(p, "morning", {op_replace("lives in Hamburg", "lives in Berlin", 5)});
  CHECK(interests(change.next) == texts{"lives in Hamburg"});
  CHECK(change.applied == 0);
  CHECK(change.dropped == 1);
}

TEST_CASE("of two replacements of one item the newer wins, whichever is analysed first") {
  const profile bremen = heard({}, "first", {op_add("lives in Bremen", 1)});
  const std::vector<operation> berlin{op_replace("lives in Bremen", "lives in Berlin", 5)};
  const std::vector<operation> munich{op_replace("lives in Bremen", "lives in Munich", 9)};
  CHECK(interests(heard(heard(bremen, "a", berlin), "b", munich)) == texts{"lives in Munich"});
  CHECK(interests(heard(heard(bremen, "b", munich), "a", berlin)) == texts{"lives in Munich"});
}

TEST_CASE("what was removed does not come back by something said before") {
  const profile p = heard(heard({}, "a", {op_add("chess", 1)}), "b", {op_remove("chess", 20)});
  CHECK(interests(heard(p, "c", {op_add("CHESS ", 5)})).empty());
  CHECK(interests(heard(p, "c", {op_replace("go", "Chess", 5)})).empty());
  CHECK(interests(heard(p, "c", {op_add("chess", 25)})) == texts{"chess"});
}

TEST_CASE("what was removed before it was told is there when that is analysed last") {
  const profile p = heard({}, "b", {op_remove("chess", 5)});
  CHECK(interests(heard(p, "a", {op_add("chess", 20)})) == texts{"chess"});
  CHECK(interests(heard(p, "a", {op_add("chess", 1)})).empty());
}

TEST_CASE("an older removal does not remove what was told again since") {
  const profile p = heard(heard({}, "a", {op_add("tea", 1)}), "b", {op_add("tea", 20)});
  const auto change = late(p, "c", {op_remove("tea", 10)});
  CHECK(interests(change.next) == texts{"tea"});
  CHECK(change.dropped == 1);
  CHECK(interests(heard(p, "c", {op_remove("tea", 21)})).empty());
}

TEST_CASE("where an item is from moves forward, never back") {
  const profile p = heard({}, "a", {op_add("tea", 20)});
  const profile older = late(p, "b", {op_add("tea", 5)}).next;
  CHECK(interests(heard(older, "c", {op_remove("tea", 10)})) == texts{"tea"});
}

TEST_CASE("a replacement whose item was replaced meanwhile by a newer one is dropped") {
  profile p = heard({}, "a", {op_add("lives in Bremen", 1)});
  p = heard(p, "b", {op_replace("lives in Bremen", "lives in Hamburg", 20)});
  CHECK(interests(heard(p, "c", {op_replace("lives in Bremen", "lives in Berlin", 10)})) ==
        texts{"lives in Hamburg"});
}

TEST_CASE("a crash between profile and record with a retried span does not add what was removed meanwhile") {
  commit c = make_commit(8, 10);
  c.retried = {{msg(1), msg(3)}};
  c.operations = {op_add("chess", 2)};
  record r;
  r.through = msg(8);
  r.skipped = {{msg(1), msg(3), "refused", 1}};
  const profile crashed = apply_to_profile({}, c, now, &r).next;
  REQUIRE(interests(crashed) == texts{"chess"});
  const profile removed = heard(crashed, "other", {op_remove("chess", 20)});
  CHECK(interests(apply_to_profile(removed, c, now, &r).next).empty());
}

TEST_CASE("items without a known time are older than anything that was said") {
  const profile p = known({"lives in Bremen", "chess"});
  CHECK(interests(heard(p, "a", {op_replace("lives in Bremen", "lives in Berlin", 1)})) ==
        texts{"lives in Berlin", "chess"});
  CHECK(interests(heard(p, "a", {op_remove("chess", 1)})) == texts{"lives in Bremen"});
}

TEST_CASE("a mark is about one category") {
  const profile p = heard({}, "a", {op_add("noise", 1), op_remove("noise", 20)});
  const profile q = heard(p, "b", {op_add("noise", 5, category::dislikes)});
  CHECK(q.lists.at(static_cast<size_t>(category::dislikes)) == texts{"noise"});
}

TEST_CASE("operations of one answer are applied in the order of their evidence") {
  const auto change =
      late({}, "a",
           {op_add("lives in Berlin", 9), op_replace("lives in Berlin", "lives in Hamburg", 5),
            op_add("tea", 3), op_remove("tea", 7), op_remove("go", 2), op_add("go", 4)});
  CHECK(interests(change.next) == texts{"go", "lives in Hamburg", "lives in Berlin"});
}

TEST_CASE("a forgotten item is not brought back, replaced or used by what was said before") {
  const profile p =
      forget_item(known({"lives in Bremen"}), category::interests, "lives in Bremen", minute_20).next;
  const auto change = late(p, "a", {op_replace("lives in Bremen", "lives in Berlin", 10)});
  CHECK(interests(change.next).empty());
  CHECK_FALSE(change.changed);
  CHECK(interests(heard(p, "a", {op_replace("lives in Bremen", "lives in Berlin", 25)})) ==
        texts{"lives in Berlin"});
}

TEST_CASE("marks of operations never push out what was forgotten") {
  profile p = forget_item({}, category::interests, "secret", minute_20).next;
  for (int i = 0; i < 1'500; ++i) p = heard(p, "b", {op_remove("thing " + std::to_string(i), 25)});
  CHECK(interests(heard(p, "a", {op_add("secret", 10)})).empty());
}

TEST_CASE("a full category takes what is new for the item that was said longest ago") {
  profile p;
  for (int i = 0; i < static_cast<int>(max_items); ++i)
    p = heard(p, "s" + std::to_string(i), {op_add("item " + std::to_string(i), i == 7 ? 2 : 5)});
  const auto change = late(p, "new", {op_add("one more", 9)});
  CHECK(interests(change.next).size() == max_items);
  CHECK(interests(change.next).back() == "one more");
  CHECK(std::count(interests(change.next).begin(), interests(change.next).end(), "item 7") == 0);
  // Nothing stops it from coming back, and what is older than all is not taken.
  CHECK(interests(heard(change.next, "again", {op_add("item 7", 10)})).back() == "item 7");
  CHECK(late(p, "old", {op_add("too old", 1)}).dropped == 1);
  CHECK(interests(heard(p, "old", {op_add("too old", 1)})) == interests(p));
}

TEST_CASE("in a conversation without timestamps a statement is as old as its event in the bus") {
  using mw::test::world;
  world w;
  const auto hear = [&](int64_t sequence, const std::string& session, const std::string& enqueued) {
    w.redis.conversations[session] =
        R"({"sessionId":")" + session +
        R"(","userId":"ann","messages":[{"messageId":"m1","role":"user","content":"I play chess"}]})";
    mw::amqp::incoming in;
    in.sequence_number = sequence;
    in.token.fill(static_cast<uint8_t>(sequence));
    in.body = mw::chat::write_event({session, "ann", "m1", std::nullopt});
    in.enqueued_ms = mw::parse_iso_time(enqueued)->time_since_epoch().count() / 1000;
    in.locked_until = std::chrono::steady_clock::time_point::max();
    w.bus.listener.delivery(in);
    w.run();
  };
  std::vector<int64_t> said;
  w.llm.judge = [&](const mw::llm::analysis_input& input) -> std::optional<mw::failure> {
    said.push_back(input.messages.at(0).said_us);
    return std::nullopt;
  };
  hear(1, "evening", msg(20).timestamp);
  hear(2, "morning", msg(5).timestamp);
  CHECK(said == std::vector<int64_t>{mw::parse_iso_time(msg(20).timestamp)->time_since_epoch().count(),
                                     mw::parse_iso_time(msg(5).timestamp)->time_since_epoch().count()});
}
