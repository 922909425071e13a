// The user forgot one item. It left the lists, but the summary of the conversation it came from told it on:
// in lists and searches of conversations, and in the next prompt, from where it came back into the next
// summary.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "cmd/memory-api/cosmos_store.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/unsaid.hpp"
#include "protocol/memory_api/commit_json.hpp"
#include "tests/unit/cosmos/fixture.hpp"
#include "tests/unit/memory_api/harness.hpp"

using namespace mw;
using namespace mw::memory_api;
using memory::commit_outcome;

namespace {

const wall_time noon = *parse_iso_time("2026-11-23T12:00:00+00:00");
using words = std::vector<std::string>;

/// What a worker of today commits after it has read what is stored now.
memory::commit after_reading(const memory::context& stored, const std::string& session, int through) {
  int base = 0;
  if (stored.conversation && stored.conversation->through)
    base = std::stoi(stored.conversation->through->id.substr(1));
  auto c = commit_over("u", session, base, through);
  c.unsaid.emplace();
  c.anew = stored.conversation && stored.conversation->anew;
  if (!stored.user) return c;
  c.profile_existed = true;
  c.epoch = stored.user->epoch;
  c.unsaid = memory::unsaid_at(*stored.user, session);
  return c;
}

/// A cat and a dog in one conversation.
memory::commit two_facts(const std::string& session) {
  auto c = commit_over("u", session, 0, 4);
  c.unsaid.emplace();
  c.summary = "The user has a cat and keeps a dog.";
  c.themes = {"a cat", "dogs"};
  c.persons = {"Minka the cat"};
  c.places = {"the cat cafe"};
  c.embedding = {0.5F, 0.25F};
  c.used.calls = 1;
  c.operations = {addition("Has a cat", 1), addition("Keeps a dog", 3)};
  c.skipped = {{position(2), position(2), "refused", 1}};
  return c;
}

memory::context context_of(api::document_store& store, const std::string& session) {
  auto read = parse_context(*store.read_context("u", session));
  REQUIRE(read);
  return std::move(*read);
}

void is_emptied(const memory::record& r) {
  CHECK_FALSE(memory::has_summary(r));
  CHECK_FALSE(memory::tells(r, "cat"));
  CHECK(r.embedding.empty());
  CHECK(r.through == position(4));
  CHECK(r.skipped.size() == 1);
  CHECK(r.used.calls == 1);
}

const words& interests_of(const memory::profile& p) {
  return p.lists.at(static_cast<size_t>(memory::category::interests));
}

/// Holds over both stores.
void forget_reaches_the_conversation(api::document_store& store) {
  REQUIRE(store.write(two_facts("s"), noon)->outcome == commit_outcome::stored);
  REQUIRE(store.search("u", "cat", 10)->size() == 1);
  CHECK(store.forget_item("u", memory::category::interests, "has a CAT", {}, noon)->existed);

  CHECK(store.search("u", "cat", 10)->empty());
  is_emptied(**store.read_record("u", "s"));
  is_emptied(store.list_records("u", 10, 0)->front());
  const auto read = context_of(store, "s");
  is_emptied(*read.conversation);
  CHECK(interests_of(*read.user) == words{"Keeps a dog"});
  CHECK(memory::write_profile(*read.user).find(" cat") == std::string::npos);

  // The next event: the summary is made anew, of what was analysed before nothing is applied again.
  auto next = after_reading(read, "s", 6);
  REQUIRE(next.anew);
  next.summary = "The user keeps a dog.";
  next.operations = {addition("Keeps a dog", 3), addition("Rows", 5)};
  CHECK(store.write(next, noon)->outcome == commit_outcome::stored);
  const auto after = context_of(store, "s");
  CHECK(after.conversation->summary == "The user keeps a dog.");
  CHECK_FALSE(after.conversation->anew);
  CHECK(after.conversation->through == position(6));
  CHECK(interests_of(*after.user) == words{"Keeps a dog", "Rows"});
  CHECK(store.search("u", "dog", 10)->size() == 1);
}

/// A commit that was loaded before the wish stores nothing of what it knows.
void work_in_flight_is_made_again(api::document_store& store) {
  REQUIRE(store.write(two_facts("s"), noon));
  auto late = after_reading(context_of(store, "s"), "s", 6);
  late.summary = "The user has a cat and rows.";
  REQUIRE(store.forget_item("u", memory::category::interests, "Has a cat", {}, noon));
  CHECK(store.write(late, noon)->outcome == commit_outcome::reload);
  is_emptied(**store.read_record("u", "s"));
}

void a_first_analysis_in_flight_is_made_again(api::document_store& store) {
  REQUIRE(store.write(two_facts("s"), noon));
  auto first = after_reading(context_of(store, "t"), "t", 4);
  first.summary = "The user has a cat, too, and rows.";
  first.operations = {addition("has a cat", 3), addition("Rows", 1)};
  REQUIRE(store.forget_item("u", memory::category::interests, "Has a cat", {}, noon));
  CHECK(store.write(first, noon)->outcome == commit_outcome::reload);
  CHECK_FALSE(*store.read_record("u", "t"));

  // Loaded again, it is not asked about that message.
  const auto read = context_of(store, "t");
  using memory::said_message;
  const auto out = memory::left_out(
      *read.user, "t", {said_message{"m1", true}, {"m2", false}, {"m3", true}, {"m4", false}, {"m5", true}});
  CHECK(out == std::vector<bool>{false, false, true, true, false});
  first = after_reading(read, "t", 4);
  first.summary = "The user rows.";
  first.operations = {addition("Rows", 1)};
  CHECK(store.write(first, noon)->outcome == commit_outcome::stored);
  CHECK((*store.read_record("u", "t"))->summary == "The user rows.");
}

void an_older_workers_summary_is_not_kept(api::document_store& store) {
  REQUIRE(store.write(two_facts("s"), noon));
  REQUIRE(store.forget_item("u", memory::category::interests, "Has a cat", {}, noon));
  auto old = commit_over("u", "s", 4, 6);
  old.profile_existed = true;
  old.summary = "The user has a cat and rows.";
  old.operations = {addition("Rows", 5)};
  CHECK(store.write(old, noon)->outcome == commit_outcome::stored);
  const auto read = context_of(store, "s");
  CHECK_FALSE(memory::has_summary(*read.conversation));
  CHECK(read.conversation->through == position(6));
  CHECK(read.conversation->anew);
  CHECK(interests_of(*read.user) == words{"Keeps a dog", "Rows"});
  CHECK(store.search("u", "cat", 10)->empty());
}

/// Told in another conversation, in which nobody knows the message: its summary is dropped.
void what_another_conversation_tells_goes_too(api::document_store& store) {
  REQUIRE(store.write(two_facts("s"), noon));
  auto other = after_reading(context_of(store, "t"), "t", 4);
  other.summary = "The assistant said that the user has a cat.";
  REQUIRE(store.write(other, noon));
  auto unlike = after_reading(context_of(store, "v"), "v", 4);
  unlike.summary = "The user has a catalogue.";
  REQUIRE(store.write(unlike, noon));
  REQUIRE(store.forget_item("u", memory::category::interests, "Has a cat", {}, noon));
  const auto read = context_of(store, "t");
  CHECK_FALSE(memory::has_summary(*read.conversation));
  CHECK_FALSE(read.conversation->anew);
  CHECK(memory::has_summary(**store.read_record("u", "v")));
  // A text that was never remembered empties nothing.
  CHECK_FALSE(store.forget_item("u", memory::category::interests, "a", {}, noon)->existed);
  CHECK(memory::has_summary(**store.read_record("u", "v")));
}

/// The Memory API's store over this Cosmos DB.
std::unique_ptr<api::cosmos_store> memory_api_over(cosmos::world& w) {
  cosmos::store_options to;
  to.account.endpoint = "http://127.0.0.1:" + std::to_string(w.port());
  to.account.database = "memory_db";
  to.account.key = cosmos::master_key;
  auto store = api::cosmos_store::open(std::move(to));
  REQUIRE(store);
  return std::move(*store);
}

/// A new store for each.
template <class With>
void over_both(const With& with) {
  {
    INFO("over SQLite");
    scratch_folder folder;
    with(*open_store(folder.file("memory.db")));
  }
  INFO("over Cosmos DB");
  cosmos::world w;
  const auto store = memory_api_over(w);
  with(*store);
}

}  // namespace

TEST_CASE("a forgotten item leaves the conversation that it came from, and all else stays") {
  over_both(forget_reaches_the_conversation);
}

TEST_CASE("what was analysed while an item was forgotten does not bring it back") {
  over_both(work_in_flight_is_made_again);
  over_both(a_first_analysis_in_flight_is_made_again);
  over_both(an_older_workers_summary_is_not_kept);
}

TEST_CASE("other conversations that tell the forgotten item lose their summary") {
  over_both(what_another_conversation_tells_goes_too);
}

TEST_CASE("neither of SQLite's files holds the forgotten words, and the record says nothing but what stays") {
  scratch_folder folder;
  const auto store = open_store(folder.file("memory.db"));
  auto c = two_facts("s");
  c.summary = "The user keeps a qoxolotl.";
  c.operations = {addition("Keeps a qoxolotl", 1)};
  REQUIRE(store->write(c, noon));
  REQUIRE(store->forget_item("u", memory::category::interests, "Keeps a qoxolotl", {}, noon));
  const auto held = [&] {
    std::ostringstream out;
    for (const char* name : {"memory.db", "memory.db-wal"})
      out << std::ifstream{folder.file(name), std::ios::binary}.rdbuf();
    return out.str().find("qoxolotl") != std::string::npos;
  };
  while (held()) std::this_thread::yield();
  is_emptied(**store->read_record("u", "s"));
}

TEST_CASE(
    "over Cosmos DB a crash between the profile and the record leaves nothing that brings the item back") {
  cosmos::world w;
  REQUIRE(w.write(two_facts("s")));
  auto foreign = memory::write_record(*w.record());
  foreign.insert(1, R"("color":"blue",)");
  w.service().put("conversations", "u", "s_u", foreign);
  auto late = after_reading(*w.read(), "s", 6);
  late.summary = "The user has a cat and rows.";
  late.operations = {addition("Rows", 5)};
  // The wish's first write, and no other.
  const auto wish =
      memory::forget_item(*w.profile(), memory::category::interests, "Has a cat", noon, {*w.record()});
  CHECK(wish.sessions == words{"s"});
  w.service().put("user-memories", "u", "u", memory::write_profile(wish.next));

  CHECK(w.write(late)->outcome == commit_outcome::reload);
  is_emptied(*w.read()->conversation);
  CHECK(w.read()->conversation->anew);
  // Nor does an analysis that fails keep what the record still says.
  auto failed = after_reading(*w.read(), "s", 6);
  CHECK(failed.anew);
  failed.defaults = true;
  const auto before = memory::write_record(*w.record());
  CHECK(w.write(failed)->outcome == commit_outcome::stored);
  CHECK_FALSE(memory::tells(*w.record(), "cat"));
  w.service().put("conversations", "u", "s_u", before);
  // Whoever looks finishes it.
  const auto store = memory_api_over(w);
  CHECK(store->search("u", "cat", 10)->empty());
  is_emptied(*w.record());
  CHECK(w.record()->other_fields.at("color") == R"("blue")");
}

TEST_CASE("over Cosmos DB the wish holds wherever in a commit it comes") {
  // Whole, or only its first write, before the nth request that the commit sends.
  for (const bool whole : {true, false})
    for (const std::string session : {"s", "t"})
      for (int at = 1; at <= 6; ++at) {
        CAPTURE(whole);
        CAPTURE(session);
        CAPTURE(at);
        cosmos::world* here = nullptr;
        int seen = 0;
        cosmos::world_options o;
        o.before = [&](std::string_view, std::string_view) {
          if (here == nullptr || ++seen != at) return;
          std::vector<memory::record> records;
          for (const auto* of : {"s", "t"})
            if (auto r = here->record("u", of)) records.push_back(std::move(*r));
          const auto wish =
              memory::forget_item(*here->profile(), memory::category::interests, "Has a cat", noon, records);
          here->service().put("user-memories", "u", "u", memory::write_profile(wish.next));
          for (auto& r : records)
            if (whole && memory::empty_outdated(r, wish.next))
              here->service().put("conversations", "u", memory::record_id(r.session_id, "u"),
                                  memory::write_record(r));
        };
        cosmos::world w{o};
        REQUIRE(w.write(two_facts("s")));
        auto c = after_reading(*w.read("u", session), session, 6);
        c.summary = "The user has a cat and rows.";
        c.operations = {addition("Rows", 5), addition("Has a cat", session == "t" ? 1 : 5)};
        here = &w;
        REQUIRE(w.write(c));
        here = nullptr;
        if (seen < at) continue;
        for (const auto* of : {"s", "t"}) {
          const auto after = w.read("u", of);
          REQUIRE(after);
          if (after->conversation) CHECK_FALSE(memory::tells(*after->conversation, "cat"));
          const auto left = w.record("u", of);
          if (whole && left) CHECK_FALSE(memory::tells(*left, "cat"));
          CHECK(memory::find_item(interests_of(*after->user), "Has a cat") ==
                interests_of(*after->user).size());
        }
      }
}
