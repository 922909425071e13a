#include <doctest/doctest.h>

#include "protocol/memory/forget.hpp"
#include "protocol/memory/items.hpp"
#include "tests/unit/memory/fixtures.hpp"

using namespace mw::memory;
using texts = std::vector<std::string>;

namespace {
commit with(commit c, std::vector<operation> operations) {
  c.operations = std::move(operations);
  return c;
}
profile holding(std::vector<operation> operations) {
  return apply_to_profile(profile{}, with(make_commit(0, 4), std::move(operations)), now).next;
}
}  // namespace

TEST_CASE("operations land with their origin and the session's position") {
  const auto change = apply_to_profile(profile{}, with(make_commit(0, 4), {op_add("chess", 1)}), now);
  CHECK(change.changed);
  CHECK(change.applied == 1);
  CHECK(interests(change.next) == texts{"chess"});
  CHECK(change.next.user_id == "u");
  CHECK(change.next.applied.at("s") == msg(4));
  REQUIRE(change.next.origins.size() == 1);
  CHECK(change.next.origins[0].message_id == "m1");
  CHECK(change.next.origins[0].session_id == "s");
  CHECK(change.next.last_updated == now);
}

TEST_CASE("without operations nothing is written") {
  const auto change = apply_to_profile(profile{}, make_commit(0, 4), now);
  CHECK_FALSE(change.changed);
  CHECK(change.next.applied.empty());
}

TEST_CASE("a crash between profile and record: the replay applies nothing twice") {
  const commit c = with(make_commit(0, 4), {op_add("chess", 1), op_remove("tea", 3)});
  const profile after_first = apply_to_profile(holding({op_add("tea", 1)}), c, now).next;
  // Another session of the user brings tea back before the crashed worker's commit is replayed.
  commit other = with(make_commit(0, 6), {op_add("tea", 5)});
  other.session_id = "s2";
  const profile fresh = apply_to_profile(after_first, other, now).next;
  const auto replay = apply_to_profile(fresh, c, now);
  CHECK_FALSE(replay.changed);
  CHECK(replay.dropped == 2);
  CHECK(interests(replay.next) == interests(fresh));
}

TEST_CASE("a longer window after such a crash applies only what is newer than applied") {
  const profile first = holding({op_add("chess", 1)});
  const profile removed = apply_to_profile(first, with(make_commit(4, 6), {op_remove("chess", 5)}), now).next;
  const auto change =
      apply_to_profile(removed, with(make_commit(0, 8), {op_add("chess", 1), op_add("go", 7)}), now);
  CHECK(interests(change.next) == texts{"go"});
  CHECK(change.applied == 1);
  CHECK(change.dropped == 1);
}

TEST_CASE("applied never moves backwards") {
  profile p = holding({op_add("chess", 1)});
  p.applied["s"] = msg(8);
  commit late = with(make_commit(0, 4), {op_add("tea", 2)});
  late.retried = {{msg(1), msg(3)}};
  CHECK(apply_to_profile(p, late, now).next.applied.at("s") == msg(8));
}

TEST_CASE("evidence outside the span is never applied") {
  const auto change =
      apply_to_profile(profile{}, with(make_commit(4, 8), {op_add("a", 3), op_add("b", 9)}), now);
  CHECK_FALSE(change.changed);
  CHECK(change.dropped == 2);
}

TEST_CASE("evidence in a retried span counts while the record still lists that span") {
  commit c = with(make_commit(4, 8), {op_add("chess", 2)});
  c.retried = {{msg(1), msg(3)}};
  profile p = holding({op_add("tea", 4)});
  record r;
  r.through = msg(4);
  CHECK_FALSE(apply_to_profile(p, c, now, &r).changed);
  r.skipped = {{msg(1), msg(3), "refused", 1}};
  CHECK(interests(apply_to_profile(p, c, now, &r).next) == texts{"tea", "chess"});
}

TEST_CASE("evidence that the stored record already covers is not applied again") {
  record r;
  r.through = msg(6);
  const commit c = with(make_commit(4, 8), {op_add("old", 5), op_add("new", 7)});
  CHECK(interests(apply_to_profile(profile{}, c, now, &r).next) == texts{"new"});
}

TEST_CASE("a session's forgotten position falls back to timestamps") {
  profile p;
  p.applied["s"] = {"trimmed-away", msg(6).timestamp};
  const auto change = apply_to_profile(
      p, with(make_commit(4, 8), {op_add("five", 5), op_add("six", 6), op_add("seven", 7)}), now);
  CHECK(interests(change.next) == texts{"seven"});
}

TEST_CASE("an item already there only refreshes where it came from") {
  const profile p = holding({op_add("Jazz Music", 1)});
  const auto change = apply_to_profile(p, with(make_commit(4, 8), {op_add("jazz   music", 7)}), now);
  CHECK(interests(change.next) == texts{"Jazz Music"});
  CHECK(change.applied == 0);
  CHECK(change.dropped == 1);
  REQUIRE(change.next.origins.size() == 1);
  CHECK(change.next.origins[0].message_id == "m7");
}

TEST_CASE("replace takes the old item's place, and adds where there is none") {
  const profile p = holding({op_add("lives in Prague", 1), op_add("chess", 1)});
  const auto change =
      apply_to_profile(p, with(make_commit(4, 8), {op_replace("LIVES in prague", "lives in Brno", 5)}), now);
  CHECK(interests(change.next) == texts{"lives in Brno", "chess"});
  REQUIRE(change.next.last_operations.size() == 1);
  CHECK(change.next.last_operations[0].replaces == "lives in Prague");
  const auto added = apply_to_profile(p, with(make_commit(4, 8), {op_replace("absent", "tea", 5)}), now);
  CHECK(interests(added.next) == texts{"lives in Prague", "chess", "tea"});
}

TEST_CASE("replacing an item by one that is already there leaves one of it") {
  const profile p = holding({op_add("tea", 1), op_add("coffee", 1)});
  const auto change = apply_to_profile(p, with(make_commit(4, 8), {op_replace("tea", "Coffee", 5)}), now);
  CHECK(interests(change.next) == texts{"coffee"});
}

TEST_CASE("a category can become empty again") {
  const auto change =
      apply_to_profile(holding({op_add("chess", 1)}), with(make_commit(4, 8), {op_remove("CHESS", 5)}), now);
  CHECK(interests(change.next).empty());
  CHECK(change.next.origins.empty());
}

TEST_CASE("operations of one answer see each other's effect in order") {
  const auto change = apply_to_profile(
      profile{}, with(make_commit(0, 4), {op_add("a", 1), op_replace("a", "b", 2), op_add("a", 3)}), now);
  CHECK(interests(change.next) == texts{"b", "a"});
}

TEST_CASE("in a full list the item with the oldest evidence gives way, and is counted") {
  profile p;
  for (size_t i = 0; i < max_items; ++i)
    p.lists.at(static_cast<size_t>(category::interests)).push_back("item " + std::to_string(i));
  const auto change = apply_to_profile(p, with(make_commit(0, 4), {op_add("one more", 1)}), now);
  CHECK(change.applied == 1);
  CHECK(change.evicted == 1);
  CHECK(interests(change.next).size() == max_items);
  CHECK(interests(change.next).front() == "item 1");
  CHECK(interests(change.next).back() == "one more");
  CHECK(change.next.marks.empty());
}

TEST_CASE("items are stored as one clean line of bounded length") {
  const auto change = apply_to_profile(
      profile{},
      with(make_commit(0, 4),
           {op_add(" likes\n\ttea\x01 ", 1), op_add(std::string(600, 'x'), 2), op_add("\n", 3)}),
      now);
  REQUIRE(interests(change.next).size() == 2);
  CHECK(interests(change.next)[0] == "likes tea");
  CHECK(interests(change.next)[1].size() == max_item_bytes);
}

TEST_CASE("positions of many sessions stay bounded and the newest survive") {
  profile p;
  for (int i = 0; i < 150; ++i) {
    commit c = with(make_commit(0, 2), {op_add("item " + std::to_string(i % 90), 1)});
    c.session_id = "session-" + std::to_string(i);
    p = apply_to_profile(p, c, now).next;
  }
  CHECK(p.applied.size() == max_applied);
  CHECK(p.applied.count("session-149") == 1);
}

TEST_CASE("an item remembers the newest few sessions that said it") {
  profile p;
  for (const char* session : {"one", "two", "three", "four"}) {
    commit c = with(make_commit(0, 2), {op_add("chess", 1)});
    c.session_id = session;
    p = apply_to_profile(p, c, now).next;
  }
  REQUIRE(p.origins.size() == 3);
  CHECK(p.origins[0].session_id == "two");
  CHECK(p.origins[2].session_id == "four");
}

TEST_CASE("folding makes items equal across case and spaces in several scripts, not across accents") {
  CHECK(fold_item("ČESKÝ Krumlov") == fold_item("český\u00a0 krumlov"));
  CHECK(fold_item("ΣΟΦΟΣ") == fold_item("σοφος"));
  CHECK(fold_item("МОСКВА Ёлка") == fold_item("москва ёлка"));
  CHECK(fold_item("Łódź ŽIŽKOV") == fold_item("łódź žižkov"));
  CHECK(fold_item("resume") != fold_item("résumé"));
  CHECK(fold_item("日本語") == "日本語");
}

TEST_CASE("long items are cut between characters") {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "日本";
  const std::string cut = clean_item(text);
  CHECK(cut.size() <= max_item_bytes);
  CHECK(cut.size() % 3 == 0);
}

TEST_CASE("equal times are decided by the message, then by the quote's place in it, then by the answer") {
  const auto at = [](operation op, quote_place place) {
    op.evidence = {"m1", msg(1).timestamp};
    op.said = msg(1).timestamp;
    op.place = place;
    return op;
  };
  const auto result = [&](quote_place added, quote_place removed) {
    const profile p =
        apply_to_profile({}, with(make_commit(0, 2), {at(op_remove("tea", 1), removed)}), now).next;
    commit c = with(make_commit(0, 2), {at(op_add("tea", 1), added)});
    c.session_id = "s2";
    return interests(apply_to_profile(p, c, now).next);
  };
  CHECK(result({3, 0, 0}, {2, 9, 0}) == texts{"tea"});
  CHECK(result({2, 9, 0}, {3, 0, 0}).empty());
  CHECK(result({2, 9, 0}, {2, 4, 0}) == texts{"tea"});
  CHECK(result({2, 4, 0}, {2, 9, 0}).empty());
  const std::vector<operation> both{at(op_remove("tea", 1), {2, 4, 0}), at(op_add("tea", 1), {2, 4, 0})};
  CHECK(interests(apply_to_profile({}, with(make_commit(0, 2), both), now).next) == texts{"tea"});
}

TEST_CASE("evidence without a readable time is as old as the commit says, and never older than its marks") {
  const profile p = holding({op_add("tea", 1), op_remove("tea", 3)});
  operation undated = op_add("tea", 1);
  undated.evidence.timestamp = "yesterday";
  commit c = with(make_commit(0, 4), {undated});
  c.session_id = "s2";
  c.operations[0].said = msg(2).timestamp;
  CHECK(interests(apply_to_profile(p, c, now).next).empty());
  c.operations[0].said = msg(4).timestamp;
  CHECK(interests(apply_to_profile(p, c, now).next) == texts{"tea"});
  c.operations[0].said.clear();
  CHECK(interests(apply_to_profile(p, c, now).next) == texts{"tea"});
}

TEST_CASE("marks hold no text and stay bounded; the oldest evidence goes first") {
  profile p;
  for (int i = 0; i < static_cast<int>(max_marks) + 20; ++i) {
    commit c = with(make_commit(0, 50), {op_remove("secret " + std::to_string(i), 1 + i % 50)});
    c.session_id = "s" + std::to_string(i);
    p = apply_to_profile(p, c, now).next;
  }
  CHECK(p.marks.size() == max_marks);
  for (const auto& m : p.marks) {
    REQUIRE(m.hash.size() == 32);
    REQUIRE(m.time > msg(4).timestamp);
  }
}

TEST_CASE("an item told again long after it was replaced leaves the other where it is") {
  profile p = holding({op_add("chess", 1), op_replace("chess", "go", 2)});
  commit c = with(make_commit(0, 2), {op_add("chess", 1)});
  c.session_id = "s2";
  c.operations[0].said = "2026-11-23T12:00:00+00:00";
  CHECK(interests(apply_to_profile(p, c, now).next) == texts{"chess"});
  c.operations[0].said = "2026-11-29T12:00:00+00:00";
  CHECK(interests(apply_to_profile(p, c, now).next) == texts{"go", "chess"});
}
