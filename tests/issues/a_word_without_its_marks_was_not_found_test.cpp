// People search as they type: without accents, tone and vowel signs, with another keyboard's letters.
// Summaries in Greek, Cyrillic, Thai, Hebrew, Arabic and full-width letters were not found.
#include "cmd/memory-api/search_text.hpp"
#include "protocol/base/iso_time.hpp"
#include "tests/issues/text_cases.hpp"
#include "tests/unit/memory_api/harness.hpp"

using namespace mw;
using namespace mw::memory_api;

namespace {

const wall_time searched_at = *parse_iso_time("2026-11-23T11:05:30+00:00");

void store_summary(api::sqlite_store& store, std::string session, std::string text) {
  auto c = commit_over("u", std::move(session), 0, 2);
  c.summary = std::move(text);
  REQUIRE(store.write(c, searched_at));
}

bool is_found(api::sqlite_store& store, std::string_view query) {
  const auto found = store.search("u", query, 10);
  REQUIRE(found);
  return !found->empty();
}

}  // namespace

TEST_CASE("a stored summary is found by its words as people type them") {
  scratch_folder folder;
  int n = 0;
  issues::each_text_pair("search.json", [&](const auto& row) {
    const auto store = open_store(folder.file("memory" + std::to_string(++n) + ".db"));
    const std::string stored = issues::text_in(row, "stored");
    const std::string query = issues::text_in(row, "query");
    CAPTURE(stored);
    CAPTURE(query);
    store_summary(*store, "s", stored);
    CHECK(is_found(*store, query) == bool{row["right"]});
    // The profile's items, and records over Cosmos DB, are searched by the same folded terms.
    memory::profile p;
    p.lists[0] = {stored};
    CHECK(api::search_items(p, query, 10).empty() != bool{row["right"]});
  });
}

TEST_CASE("words of one or two characters, syllables inside words and signs left out are found") {
  scratch_folder folder;
  const auto store = open_store(folder.file("memory.db"));
  store_summary(*store, "s", "彼は猫と東京に住む。그녀는 한국어를 배운다. เขาเลี้ยงผึ้ง 🐝");
  for (const char* query : {"猫", "東京", "한국", "국어", "\u1112\u1161\u11ab국", "ผง", "เลียง", "🐝"}) {
    CAPTURE(query);
    CHECK(is_found(*store, query));
  }
  for (const char* query : {"犬", "京東", "중국", "🐻"}) {
    CAPTURE(query);
    CHECK_FALSE(is_found(*store, query));
  }
}

TEST_CASE("records of a database of the older schema are found after it is opened once") {
  scratch_folder folder;
  const std::string path = folder.file("memory.db");
  store_summary(*open_store(path), "s", "Μαθαίνει κιθάρα στην Καβάλα.");
  {
    api::connection db{path};
    db.exec(
        "DROP TABLE record_text;"
        "CREATE VIRTUAL TABLE record_text USING fts5(owner, summary, themes, persons, places, "
        "tokenize = 'porter unicode61 remove_diacritics 2');"
        "UPDATE schema_version SET version = 1");
  }
  CHECK(is_found(*open_store(path), "καβαλα"));
  CHECK(is_found(*open_store(path), "κιθαρα"));
}
