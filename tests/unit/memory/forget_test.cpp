#include "protocol/memory/forget.hpp"

#include <doctest/doctest.h>

#include "protocol/base/iso_time.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/unsaid.hpp"
#include "tests/unit/memory/fixtures.hpp"

using namespace mw::memory;
using texts = std::vector<std::string>;

namespace {
const mw::wall_time wish = *mw::parse_iso_time("2026-11-23T11:05:30+00:00");

profile with_two_sessions() {
  commit one = make_commit(0, 4);
  one.operations = {op_add("chess", 1), op_add("tea", 2)};
  commit two = make_commit(0, 4);
  two.session_id = "s2";
  two.operations = {op_add("tea", 3), op_add("go", 3)};
  return apply_to_profile(apply_to_profile(profile{}, one, now).next, two, now).next;
}
}  // namespace

TEST_CASE("forgetting everything leaves a tombstone and nothing of the user's words") {
  const profile p = with_two_sessions();
  const profile tombstone = forget_everything(p, {}, wish);
  CHECK(tombstone.empty());
  CHECK(tombstone.user_id == "u");
  CHECK(tombstone.epoch == 1);
  CHECK(tombstone.origins.empty());
  CHECK(tombstone.applied.empty());
  CHECK(tombstone.last_operations.empty());
  CHECK(tombstone.forgotten.empty());
  CHECK(mw::parse_iso_time(tombstone.forgotten_before) == wish);
}

TEST_CASE("a job loaded before the forget is dropped, one loaded after goes on") {
  const profile tombstone = forget_everything(with_two_sessions(), {}, wish);
  commit c = make_commit(0, 8);
  c.profile_existed = true;
  CHECK(check_epoch(tombstone, c) == commit_outcome::forgotten);
  c.epoch = 1;
  c.forgotten_before = forgotten_before(tombstone, "s");
  CHECK(check_epoch(tombstone, c) == std::nullopt);
}

TEST_CASE("a profile that vanished between load and commit counts as forgotten") {
  commit c = make_commit(0, 4);
  CHECK(check_epoch(std::nullopt, c) == std::nullopt);
  c.profile_existed = true;
  CHECK(check_epoch(std::nullopt, c) == commit_outcome::forgotten);
  c.profile_existed = false;
  c.epoch = 3;
  CHECK(check_epoch(std::nullopt, c) == commit_outcome::forgotten);
}

TEST_CASE("a profile that another session made meanwhile is no obstacle") {
  CHECK(check_epoch(with_two_sessions(), make_commit(0, 4)) == std::nullopt);
}

TEST_CASE("after forgetting everything only newer evidence makes facts, even if the model repeats old ones") {
  const profile tombstone = forget_everything(with_two_sessions(), {}, wish);
  commit c = make_commit(0, 8);
  c.epoch = 1;
  c.operations = {op_add("chess", 1), op_add("sailing", 7)};
  operation undated = op_add("undated", 6);
  undated.evidence.timestamp.clear();
  c.operations.push_back(undated);
  CHECK(interests(apply_to_profile(tombstone, c, now).next) == texts{"sailing"});
}

TEST_CASE("forgetting a session takes what only that session said") {
  const auto forgotten = forget_session(with_two_sessions(), "s", std::nullopt, wish);
  CHECK(forgotten.removed == 1);
  CHECK(interests(forgotten.next) == texts{"tea", "go"});
  CHECK(forgotten.next.applied.count("s") == 0);
  CHECK(forgotten.next.applied.count("s2") == 1);
  for (const auto& o : forgotten.next.origins) CHECK(o.session_id == "s2");
  CHECK(forgotten.next.last_operations.empty());
}

TEST_CASE("a forgotten session comes back only with newer messages") {
  const profile p = forget_session(with_two_sessions(), "s", std::nullopt, wish).next;
  CHECK(forgotten_before(p, "s2").empty());
  CHECK(mw::parse_iso_time(forgotten_before(p, "s")) == wish);

  commit in_flight = make_commit(0, 8);
  in_flight.profile_existed = true;
  CHECK(check_epoch(p, in_flight) == commit_outcome::reload);

  commit loaded_after = in_flight;
  loaded_after.forgotten_before = forgotten_before(p, "s");
  loaded_after.operations = {op_add("chess", 1), op_add("sailing", 7)};
  CHECK(check_epoch(p, loaded_after) == std::nullopt);
  CHECK(interests(apply_to_profile(p, loaded_after, now).next) == texts{"tea", "go", "sailing"});
}

TEST_CASE("a forgotten item comes back only by newer evidence, however it is spelled") {
  const auto forgotten = forget_item(with_two_sessions(), category::interests, " TEA", wish);
  CHECK(forgotten.removed == 1);
  CHECK(interests(forgotten.next) == texts{"chess", "go"});
  for (const auto& o : forgotten.next.origins) CHECK(o.item != "tea");

  commit old = make_commit(4, 8);
  old.operations = {op_add("Tea", 5)};
  CHECK_FALSE(apply_to_profile(forgotten.next, old, now).changed);
  commit fresh = make_commit(4, 8);
  fresh.operations = {op_add("Tea", 7)};
  CHECK(interests(apply_to_profile(forgotten.next, fresh, now).next) == texts{"chess", "go", "Tea"});
}

TEST_CASE("marks keep no text and stay bounded") {
  profile p = with_two_sessions();
  for (size_t i = 0; i < max_forgotten + 5; ++i)
    p = forget_item(p, category::interests, "secret " + std::to_string(i), wish).next;
  CHECK(p.forgotten.size() == max_forgotten);
  for (const auto& m : p.forgotten) {
    REQUIRE(m.hash.size() == 64);
    REQUIRE(m.hash.find("secret") == std::string::npos);
  }
}

TEST_CASE("an item and a session of the same name have different marks") {
  CHECK(item_hash("abc") != session_hash("abc"));
}

TEST_CASE(
    "forgetting an item reaches the sessions it came from in every spelling, and where it was replaced") {
  commit moved = make_commit(0, 4);
  moved.session_id = std::string{"s3"};
  moved.operations = {op_replace("TEA", "coffee", 4)};
  const profile p = apply_to_profile(with_two_sessions(), moved, now).next;
  const auto gone = forget_item(p, category::interests, "Tea", wish);
  CHECK(gone.sessions == texts{"s3"});
  const auto before = forget_item(with_two_sessions(), category::interests, "Tea", wish);
  CHECK(before.sessions == texts{"s", "s2"});
  CHECK(unsaid_at(before.next, "s") == mw::format_iso_time(wish));
  CHECK(unsaid_at(before.next, "s3").empty());
  CHECK(left_out(before.next, "s", {{"m2", true}, {"m3", true}}) == std::vector<bool>{true, false});
  CHECK(left_out(before.next, "s2", {{"m2", true}, {"m3", true}}) == std::vector<bool>{false, true});
}

TEST_CASE("a wish is later than the one before, and what is remembered of wishes is bounded") {
  profile p = with_two_sessions();
  p = forget_item(p, category::interests, "chess", wish).next;
  p = forget_item(p, category::interests, "tea", wish - std::chrono::hours{1}).next;
  CHECK(unsaid_at(p, "s") == mw::format_iso_time(wish + std::chrono::microseconds{1}));
  for (size_t i = 0; i < max_unsaid + 5; ++i)
    p.origins.push_back({category::interests, "go", "s9", "m" + std::to_string(i), {}, {}, {}});
  p.lists[static_cast<size_t>(category::interests)].emplace_back("go");
  p = forget_item(p, category::interests, "go", wish).next;
  CHECK(p.unsaid.size() == max_unsaid);
  CHECK(left_out(p, "s9", {{"m0", true}, {"m" + std::to_string(max_unsaid), true}}) ==
        std::vector<bool>{false, true});
}
