// After a wish to be forgotten the words stood in the database's files: in older segments of the search
// index, in the write-ahead log. They leave both soon after, also when the process dies in between or a
// reader keeps the log.
#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/unit/memory_api/harness.hpp"

using namespace mw;
using namespace mw::memory_api;

namespace {

const wall_time noon = *parse_iso_time("2026-11-23T12:00:00+00:00");

memory::commit about(const std::string& session, const std::string& word, int base = 0) {
  auto c = commit_over("u", session, base, base + 4);
  c.profile_existed = base > 0;
  c.summary = "The user keeps a " + word + " at home.";
  c.themes = {word + " keeping"};
  c.operations = {addition("Keeps a " + word, base + 1)};
  return c;
}

std::string bytes_of(const std::string& path) {
  const std::ifstream file{path, std::ios::binary};
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

/// As they stand and as the index's stemmer writes them.
bool hold(const scratch_folder& folder, const std::string& word) {
  return (bytes_of(folder.file("memory.db")) + bytes_of(folder.file("memory.db-wal"))).find(word) !=
         std::string::npos;
}

/// Waits as long as it takes: a test that hangs has failed.
void until_gone(const scratch_folder& folder, const std::string& word) {
  while (hold(folder, word)) std::this_thread::yield();
}

/// Many segments, so that what is deleted stands in several.
void fill(api::sqlite_store& store) {
  for (int i = 0; i < 40; ++i) {
    auto c = about("other" + std::to_string(i), "gardenhose");
    c.user_id = "v";
    c.profile_existed = i > 0;
    REQUIRE(store.write(c, noon));
  }
}

}  // namespace

TEST_CASE("neither file holds a word of what was forgotten") {
  scratch_folder folder;
  const auto store = open_store(folder.file("memory.db"));
  REQUIRE(store->write(about("s", "qoxolotl"), noon));
  fill(*store);
  REQUIRE(hold(folder, "qoxolotl"));
  REQUIRE(store->forget_everything("u", {}, noon));
  until_gone(folder, "qoxolotl");
  CHECK(hold(folder, "gardenhose"));
  CHECK(store->search("v", "gardenhose", 100)->size() == 40);
}

TEST_CASE("a process that died right after the wish has not kept the words") {
  scratch_folder folder;
  {
    const auto store = open_store(folder.file("memory.db"));
    REQUIRE(store->write(about("s", "qoxolotl"), noon));
    fill(*store);
  }
  {
    // What the wish does in its transaction, without anybody to clean up behind it.
    api::connection db{folder.file("memory.db")};
    api::transaction t{db, api::transaction::kind::write};
    db.exec("DELETE FROM record_text WHERE rowid IN (SELECT id FROM records WHERE user_id = 'u')");
    db.exec("DELETE FROM records WHERE user_id = 'u'");
    db.exec("DELETE FROM profiles WHERE user_id = 'u'");
    api::owe_erasure(db);
    t.commit();
  }
  const auto store = open_store(folder.file("memory.db"));
  until_gone(folder, "qoxolotl");
  CHECK(store->search("v", "gardenhose", 100)->size() == 40);
}

TEST_CASE("a reader that keeps the log delays it, no more") {
  scratch_folder folder;
  const auto store = open_store(folder.file("memory.db"));
  REQUIRE(store->write(about("s", "qoxolotl"), noon));
  api::connection reader{folder.file("memory.db")};
  {
    api::transaction reading{reader, api::transaction::kind::read};
    reader.prepare("SELECT count(*) FROM records").step();
    REQUIRE(store->forget_session("u", "s", {}, noon));
    CHECK(hold(folder, "qoxolotl"));
    reading.commit();
  }
  until_gone(folder, "qoxolotl");
}
