#include <doctest/doctest.h>

#include "protocol/memory/documents_json.hpp"
#include "protocol/memory_api/commit_json.hpp"
#include "tests/unit/memory_api/harness.hpp"

using namespace mw;
using namespace mw::memory_api;
using memory::commit_outcome;

namespace {
const wall_time noon = *parse_iso_time("2026-11-23T12:00:00+00:00");

memory::commit chess_commit() {
  auto c = commit_over("u", "s", 0, 4);
  c.operations = {addition("chess", 1)};
  c.embedding = {0.5F, 0.25F};
  return c;
}
}  // namespace

TEST_CASE("a transaction that died half way leaves what was answered before, and nothing else") {
  scratch_folder folder;
  auto store = open_store(folder.file("memory.db"));
  REQUIRE(store->write(chess_commit(), noon));
  // The image of a killed process: the files as they are while a transaction is half done.
  api::connection dying{folder.file("memory.db")};
  dying.exec(
      "BEGIN IMMEDIATE; DELETE FROM profiles; UPDATE records SET body = 'half'; UPDATE etags SET next = 0");
  scratch_folder after;
  for (const char* suffix : {"", "-wal"})
    std::filesystem::copy_file(folder.file("memory.db") + suffix, after.file("memory.db") + suffix);
  dying.exec("ROLLBACK");

  auto reopened = open_store(after.file("memory.db"));
  const auto user = reopened->read_profile("u");
  REQUIRE(user);
  REQUIRE(*user);
  CHECK_FALSE((*user)->empty());
  const auto record = reopened->read_record("u", "s");
  REQUIRE(record);
  REQUIRE(*record);
  CHECK((*record)->through == position(4));
  CHECK((*record)->embedding == std::vector<float>{0.5F, 0.25F});
  const auto replay = reopened->write(chess_commit(), noon);
  REQUIRE(replay);
  CHECK(replay->outcome == commit_outcome::covered);
}

TEST_CASE("a store opened again still knows everything") {
  scratch_folder folder;
  REQUIRE(open_store(folder.file("memory.db"))->write(chess_commit(), noon));
  const auto found = open_store(folder.file("memory.db"))->search("u", "summary", 10);
  REQUIRE(found);
  CHECK(found->size() == 1);
}

TEST_CASE("a record of an older epoch is invisible and gone at first sight") {
  scratch_folder folder;
  auto store = open_store(folder.file("memory.db"));
  REQUIRE(store->forget_everything("u", {}, noon));
  memory::record old;
  old.user_id = std::string{"u"};
  old.session_id = std::string{"s"};
  old.summary = "From before the wish.";
  api::connection intruder{folder.file("memory.db")};
  intruder.prepare("INSERT INTO records VALUES(1, 'u', 's', 0, 1, 't', ?, NULL)")
      .bind(memory::write_record(old))
      .run();
  CHECK_FALSE(store->read_record("u", "s")->has_value());
  CHECK(store->list_records("u", 10, 0)->empty());
  const auto context = parse_context(*store->read_context("u", "s"));
  REQUIRE(context);
  CHECK_FALSE(context->conversation);
  auto count = intruder.prepare("SELECT count(*) FROM records");
  count.step();
  CHECK(count.number(0) == 0);
}

TEST_CASE("forgetting wins over a commit in flight and over what was stored") {
  scratch_folder folder;
  auto store = open_store(folder.file("memory.db"));
  REQUIRE(store->write(chess_commit(), noon));
  CHECK(store->forget_everything("u", {}, noon)->existed);
  CHECK(store->search("u", "summary", 10)->empty());
  auto in_flight = commit_over("u", "s", 4, 8);
  in_flight.profile_existed = true;
  CHECK(store->write(in_flight, noon)->outcome == commit_outcome::forgotten);
  in_flight.profile_existed = false;
  in_flight.base.reset();
  CHECK(store->write(in_flight, noon)->outcome == commit_outcome::forgotten);
  CHECK_FALSE(store->read_record("u", "s")->has_value());
}

TEST_CASE("forgetting wins even over the first commit of a user nobody knew yet") {
  scratch_folder folder;
  auto store = open_store(folder.file("memory.db"));
  CHECK_FALSE(store->forget_everything("u", {}, noon)->existed);
  CHECK(store->write(chess_commit(), noon)->outcome == commit_outcome::forgotten);
}

TEST_CASE("a forgotten conversation is loaded anew by the job that was on its way") {
  scratch_folder folder;
  auto store = open_store(folder.file("memory.db"));
  REQUIRE(store->write(chess_commit(), noon));
  CHECK(store->forget_session("u", "s", {}, noon)->existed);
  auto in_flight = commit_over("u", "s", 0, 8);
  in_flight.profile_existed = true;
  CHECK(store->write(in_flight, noon)->outcome == commit_outcome::reload);
  CHECK(store->read_profile("u")->value().empty());
}

TEST_CASE("files that cannot be used are refused with the reason") {
  scratch_folder folder;
  const auto refusal = [](const std::string& path) {
    const auto store = api::sqlite_store::open(path);
    REQUIRE_FALSE(store);
    CHECK(store.error().code == errc::misconfigured);
    CHECK(store.error().detail.find(path) != std::string::npos);
    return store.error().detail;
  };
  CHECK(refusal(folder.file("absent/memory.db")).find("folder") != std::string::npos);
  api::connection{folder.file("other.db")}.exec("CREATE TABLE theirs(x)");
  CHECK(refusal(folder.file("other.db")).find("another program") != std::string::npos);
  open_store(folder.file("newer.db"));
  api::connection{folder.file("newer.db")}.exec("UPDATE schema_version SET version = 99");
  CHECK(refusal(folder.file("newer.db")).find("schema 99") != std::string::npos);
}

TEST_CASE("a damaged document is an error, not a new user") {
  scratch_folder folder;
  auto store = open_store(folder.file("memory.db"));
  REQUIRE(store->write(chess_commit(), noon));
  api::connection{folder.file("memory.db")}.exec("UPDATE profiles SET body = '{\"userId\":'");
  const auto next = store->write(commit_over("u", "s", 4, 8), noon);
  REQUIRE_FALSE(next);
  CHECK(next.error().code == errc::malformed);
  CHECK_FALSE(store->read_profile("u"));
}

TEST_CASE("search finds words of any script in the user's own summaries only") {
  scratch_folder folder;
  auto store = open_store(folder.file("memory.db"));
  const auto put = [&](const char* user, const char* session, const char* text, bool defaults = false) {
    auto c = commit_over(user, session, 0, 2);
    c.summary = text;
    c.defaults = defaults;
    REQUIRE(store->write(c, noon));
  };
  put("u", "prague", "They planned travelling to Žižkov in Prague.");
  put("u", "tokyo", "二人は東京タワーに行きました。");
  put("u", "cooking", "They cooked goulash in Prague.");
  put("v", "other", "Somebody else plans Prague.");
  put("u", "failed", "No summary of Prague could be made.", true);
  const auto sessions = [&](const char* text) {
    std::vector<std::string> out;
    const auto found = store->search("u", text, 10);
    REQUIRE(found);
    for (const auto& f : *found) out.push_back(f.doc.session_id);
    return out;
  };
  using names = std::vector<std::string>;
  CHECK(sessions("zizkov") == names{"prague"});
  CHECK(sessions("travels") == names{"prague"});
  CHECK(sessions("東京") == names{"tokyo"});
  CHECK(sessions("goulash prague") == names{"cooking", "prague"});
  CHECK(sessions("\" OR * NEAR( -owner:").empty());
  CHECK(sessions("😀").empty());
  CHECK(store->search("u", "prague", 1)->size() == 1);
}
