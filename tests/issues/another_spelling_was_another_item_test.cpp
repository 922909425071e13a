// "Doesn't" and "Doesn’t", NFC and NFD, "tea" and "tea.": each was an item of its own, and forgetting one
// left the other.
#include "protocol/base/iso_time.hpp"
#include "protocol/memory/commit.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/items.hpp"
#include "tests/issues/text_cases.hpp"
#include "tests/unit/memory/fixtures.hpp"

using namespace mw::memory;
using mw::issues::each_text_pair;
using mw::issues::text_in;

namespace {

const mw::wall_time spelling_wish = *mw::parse_iso_time("2026-11-23T11:05:30+00:00");

operation said_of(category in, std::string item, int message) {
  operation op = op_add(std::move(item), message);
  op.in = in;
  return op;
}

size_t items_in_all_lists(const profile& p) {
  size_t count = 0;
  for (const auto& list : p.lists) count += list.size();
  return count;
}

profile with_operations(const profile& before, std::vector<operation> operations, int base, int through) {
  commit c = make_commit(base, through);
  c.operations = std::move(operations);
  return apply_to_profile(before, c, now).next;
}

}  // namespace

TEST_CASE("two spellings are one item, and forgetting one forgets both") {
  each_text_pair("same_item.json", [](const auto& row) {
    const std::string a = text_in(row, "a");
    const std::string b = text_in(row, "b");
    const size_t expected = bool{row["one"]} ? 1 : 2;
    CAPTURE(a);
    CAPTURE(b);
    const profile p = with_operations({}, {op_add(a, 1), op_add(b, 2)}, 0, 4);
    CHECK(interests(p).size() == expected);
    CHECK(interests(p).front() == a);
    const profile q = forget_item(p, category::interests, b, spelling_wish).next;
    CHECK(interests(q).size() == expected - 1);
    CHECK(may_return(q, a, "2026-11-23T11:00:00Z") == (expected == 2));
    CHECK_FALSE(may_return(q, b, "2026-11-23T11:00:00Z"));
  });
}

TEST_CASE("one fact stands in one category, where it was said last") {
  const auto first = said_of(category::interests, "Bakes sourdough", 1);
  const auto second = said_of(category::knowledge, "bakes sourdough.", 3);
  const profile in_turn = with_operations(with_operations({}, {first}, 0, 2), {second}, 2, 4);
  CHECK(items_in_all_lists(in_turn) == 1);
  CHECK(in_turn.lists.at(static_cast<size_t>(category::knowledge)).size() == 1);
  // An older statement that comes late leaves the item where it is.
  commit late = make_commit(0, 2);
  late.session_id = "other";
  late.operations = {first};
  const profile out_of_turn = apply_to_profile(with_operations({}, {second}, 2, 4), late, now).next;
  CHECK(items_in_all_lists(out_of_turn) == 1);
  CHECK(out_of_turn.lists.at(static_cast<size_t>(category::knowledge)).size() == 1);
  CHECK(out_of_turn.origins.size() == 2);
  CHECK(items_in_all_lists(
            forget_item(in_turn, category::interests, "Bakes sourdough", spelling_wish).next) == 0);
}

TEST_CASE("an item moves to another category in either order of the answer's operations") {
  const profile p = with_operations({}, {said_of(category::goals, "Speaks Danish", 1)}, 0, 2);
  const auto add = said_of(category::knowledge, "Speaks Danish", 3);
  auto remove = said_of(category::goals, "Speaks Danish", 3);
  remove.op = op_kind::remove;
  for (const auto& operations : {std::vector{add, remove}, std::vector{remove, add}}) {
    const profile q = with_operations(p, operations, 2, 4);
    CHECK(items_in_all_lists(q) == 1);
    CHECK(q.lists.at(static_cast<size_t>(category::knowledge)).size() == 1);
  }
}

TEST_CASE("spellings that an older version stored side by side become one item") {
  profile p;
  p.lists.at(static_cast<size_t>(category::interests)) = {"Lives in Lübeck", "Lives in Lu\u0308beck",
                                                          "chess"};
  CHECK(interests(with_operations(p, {op_add("go", 1)}, 0, 2)) ==
        std::vector<std::string>{"Lives in Lübeck", "chess", "go"});
}

TEST_CASE("a mark of the first folding still keeps its item away, in every category") {
  for (const char* item : {"Likes tea.", "Lives in Lu\u0308beck", "Works at Straße 5", "Likes “old” maps"}) {
    CAPTURE(item);
    const item_marks marks = hashes_of(item);
    REQUIRE_FALSE(marks.first.empty());
    profile p;
    p.forgotten = {{marks.first, "2026-11-23T11:05:30Z"}};
    for (size_t c = 0; c < category_count; ++c) {
      const auto in = static_cast<category>(c);
      CHECK(items_in_all_lists(with_operations(p, {said_of(in, item, 1)}, 0, 2)) == 0);
      profile removed;
      removed.marks = {{in, marks_of(item).first, "2099-01-01T00:00:00Z", {}, {}, true}};
      CHECK(items_in_all_lists(with_operations(removed, {said_of(in, item, 1)}, 0, 2)) == 0);
    }
  }
}

TEST_CASE("a new mark says its folding, and a worker of the older version is kept away too") {
  profile before;
  before.user_id = "u";
  const profile p = forget_item(before, category::interests, "Likes tea.", spelling_wish).next;
  REQUIRE(p.forgotten.size() == 2);
  CHECK(p.forgotten[0].hash == hashes_of("Likes tea.").first);
  CHECK(p.forgotten[0].folding == 1);
  CHECK(p.forgotten[1].hash == item_hash("likes tea"));
  CHECK(p.forgotten[1].folding == folding_version);
  const auto read = parse_profile(write_profile(p));
  REQUIRE(read);
  CHECK(read->forgotten[0].folding == 1);
  CHECK(read->forgotten[1].folding == folding_version);
}
