// During an update workers of two versions write the same documents, and a rollback has the older one go on
// with what the newer one wrote. Documents of the last version are recorded in documents_of_the_last_version,
// and what it makes of this version's: no wish to be forgotten may be lost on the way.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "protocol/analysis/preparation.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/unsaid.hpp"
#include "tests/unit/memory/fixtures.hpp"

using namespace mw;
using namespace mw::memory;

namespace {

using texts = std::vector<std::string>;
/// Before and after the wishes of the recorded documents.
constexpr std::string_view earlier = "2026-11-23T11:29:00.000000+00:00";
constexpr std::string_view afterwards = "2026-11-23T11:33:00.000000+00:00";

std::string recorded(const std::string& name) {
  std::ifstream file{std::string{MW_SOURCE_DIR} + "/tests/issues/documents_of_the_last_version/" + name};
  REQUIRE(file);
  return {std::istreambuf_iterator<char>{file}, {}};
}
profile profile_in(const std::string& name) {
  auto p = parse_profile(recorded(name));
  REQUIRE(p);
  return std::move(*p);
}
record record_in(const std::string& name) {
  auto r = parse_record(recorded(name));
  REQUIRE(r);
  return std::move(*r);
}

/// The user's messages m1 to mN, a minute apart from 11:00 on, each with its answer.
chat::conversation talk_of(int messages) {
  chat::conversation c;
  c.user_id = std::string{"u"};
  for (int n = 1; n <= messages; ++n)
    c.messages.push_back({msg(n).id, n % 2 == 1 ? chat::role::user : chat::role::assistant,
                          "text " + std::to_string(n), msg(n).timestamp});
  return c;
}

texts asked_about(const context& stored, const std::string& session, int messages) {
  auto c = talk_of(messages);
  flow::job_spec job;
  job.ids = event_ids{"u", session, msg(messages).id, ""};
  job.enqueued_ms = parse_iso_time(msg(messages).timestamp)->time_since_epoch().count() / 1000;
  const auto p = analysis::prepare({c, stored, job, 24'000, *parse_iso_time(msg(messages).timestamp), {}});
  texts ids;
  if (p.conversation)
    for (const auto& m : p.conversation->messages) ids.push_back(m.position.id);
  return ids;
}

/// An operation of a job that was loaded with that profile.
uint32_t applied(const profile& p, const std::string& session, std::string item, int evidence) {
  commit c = make_commit(0, 58);
  c.session_id = session;
  c.epoch = p.epoch;
  c.profile_existed = true;
  c.forgotten_before = forgotten_before(p, session);
  c.unsaid = unsaid_at(p, session);
  c.operations = {op_add(std::move(item), evidence)};
  return apply_to_profile(p, c, now).applied;
}

}  // namespace

TEST_CASE("documents of the last version are read with nothing lost") {
  const profile p = profile_in("profile.json");
  CHECK(interests(p) == texts{"Plays shogi", "Drinks tea", "Paints"});
  CHECK(p.lists[static_cast<size_t>(category::knowledge)] == texts{"STRASSE in Köln"});
  CHECK(p.revision == 6);
  CHECK(p.origins.size() == 4);
  CHECK(p.applied.at("s") == msg(8));
  CHECK(p.applied.at("v") == msg(40));
  CHECK(p.forgotten.size() == 2);
  REQUIRE(p.last_operations.size() == 2);
  CHECK(p.last_operations[1].replaces == "Plays go");
  const auto again = parse_profile(write_profile(p));
  REQUIRE(again);
  CHECK(write_profile(*again) == write_profile(p));

  const record r = record_in("record.json");
  CHECK(has_summary(r));
  CHECK(r.through == msg(6));
  CHECK(r.embedding == std::vector<float>{0.5F, -0.25F});
  CHECK(r.skipped.size() == 2);
  CHECK(r.skipped[1].waits_for_budget());
  CHECK(r.used.prompt_tokens == 100);
  CHECK_FALSE(has_summary(record_in("record_without_a_summary.json")));
}

TEST_CASE("wishes that the last version noted hold") {
  const profile p = profile_in("profile.json");
  CHECK_FALSE(may_return(p, "GROß  geschrieben", earlier));
  CHECK(may_return(p, "Groß geschrieben", afterwards));
  CHECK(forgotten_before(p, "t") == "2026-11-23T11:30:02.000000+00:00");
  CHECK(applied(p, "t", "Sails", 29) == 0);
  CHECK(applied(p, "t", "Sails", 45) == 1);
  CHECK(applied(p, "x", "Groß geschrieben", 20) == 0);

  const profile tombstone = profile_in("tombstone.json");
  CHECK(tombstone.empty());
  commit in_flight = make_commit(0, 4);
  in_flight.profile_existed = true;
  CHECK(check_epoch(tombstone, in_flight) == commit_outcome::forgotten);
  CHECK_FALSE(visible(record_in("record.json"), tombstone));
  CHECK(applied(tombstone, "s", "Plays chess", 29) == 0);
  CHECK(asked_about({std::nullopt, tombstone}, "s", 35) == texts{"m31", "m32", "m33", "m34", "m35"});

  // This version's next write keeps all of them.
  commit next = make_commit(8, 50);
  next.profile_existed = true;
  next.unsaid.emplace();
  next.operations = {op_add("Rows", 50)};
  const auto written = parse_profile(write_profile(apply_to_profile(p, next, now).next));
  REQUIRE(written);
  CHECK_FALSE(may_return(*written, "Groß geschrieben", earlier));
  CHECK(forgotten_before(*written, "t") == forgotten_before(p, "t"));
}

TEST_CASE("an item of the last version's documents is forgotten with the summary it came from") {
  const profile p = profile_in("profile.json");
  record r = record_in("record.json");
  const auto gone = forget_item(p, category::interests, "Drinks tea", *parse_iso_time(afterwards), {r});
  CHECK(gone.sessions == texts{"s"});
  REQUIRE(empty_outdated(r, gone.next));
  CHECK_FALSE(has_summary(r));
  CHECK(asked_about({r, gone.next}, "s", 8) == texts{"m1", "m5", "m6", "m7", "m8"});
}

TEST_CASE("an item stays forgotten that the last version wrote over: in every spelling, and in its summary") {
  const profile before = profile_in("rewritten/profile_before.json");
  const profile after = profile_in("rewritten/profile.json");
  CHECK(interests(after) == texts{"Plays go", "Drinks tea", "Rows"});
  for (const auto* item : {"Café Zürich, the ﬁrst floor", "Cafe\u0301 ZU\u0308RICH, the first floor"}) {
    CAPTURE(item);
    CHECK_FALSE(may_return(before, item, earlier));
    CHECK_FALSE(may_return(after, item, earlier));
    CHECK(applied(after, "x", item, 20) == 0);
    CHECK(applied(after, "x", item, 45) == 1);
  }
  // What it was said in lies before the watermark, which is not moved back: neither version reads it again.
  const record emptied = record_in("rewritten/record_before.json");
  CHECK(emptied.anew);
  CHECK(emptied.through == msg(8));
  const record r = record_in("rewritten/record.json");
  CHECK(r.through == msg(50));
  CHECK(asked_about({r, after}, "s", 53) == texts{"m51", "m52", "m53"});
}

TEST_CASE(
    "a conversation and a user stay forgotten that the last version wrote over, by the times of messages") {
  const profile after = profile_in("rewritten/profile.json");
  CHECK(forgotten_before(after, "t") == "2026-11-23T11:30:00.000000+00:00");
  CHECK(asked_about({std::nullopt, after}, "t", 35) == texts{"m31", "m32", "m33", "m34", "m35"});
  CHECK(applied(after, "t", "Sails", 29) == 0);

  const profile tombstone = profile_in("rewritten/tombstone.json");
  CHECK(interests(tombstone) == texts{"Rows"});
  CHECK(tombstone.epoch == profile_in("rewritten/tombstone_before.json").epoch);
  CHECK_FALSE(visible(record_in("record.json"), tombstone));
  CHECK(asked_about({std::nullopt, tombstone}, "s", 35) == texts{"m31", "m32", "m33", "m34", "m35"});
  CHECK(applied(tombstone, "s", "Plays chess", 29) == 0);
  // Of an unreadable time: nothing shows that it came after the wish.
  auto c = talk_of(35);
  c.messages[2].timestamp = {};
  flow::job_spec job;
  job.ids = event_ids{"u", "s", "m35", ""};
  const context stored{std::nullopt, tombstone};
  const auto p = analysis::prepare({c, stored, job, 24'000, *parse_iso_time(msg(35).timestamp), {}});
  REQUIRE(p.conversation);
  CHECK(p.conversation->messages.front().position.id == "m31");
}
