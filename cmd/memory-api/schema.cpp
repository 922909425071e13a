#include "cmd/memory-api/schema.hpp"

#include <array>

#include "cmd/memory-api/rows.hpp"

namespace mw::api {
namespace {

/// Step n brings the schema from version n to n + 1. Steps are never changed once released.
constexpr std::array<const char*, schema_version> steps{
    // `etags.next` never repeats a number, so an entity tag never comes back with another content.
    // `body` is the document of protocol/memory/documents_json.hpp without its embedding. `record_text.owner`
    // is a token of the user id, so that a search reads only that user's postings.
    R"(CREATE TABLE schema_version(version INTEGER NOT NULL);
       INSERT INTO schema_version VALUES(0);
       CREATE TABLE etags(next INTEGER NOT NULL);
       INSERT INTO etags VALUES(1);
       CREATE TABLE profiles(user_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, etag INTEGER NOT NULL,
                             body TEXT NOT NULL) WITHOUT ROWID;
       CREATE TABLE records(id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, session_id TEXT NOT NULL,
                            epoch INTEGER NOT NULL, etag INTEGER NOT NULL, timestamp TEXT NOT NULL,
                            body TEXT NOT NULL, embedding BLOB, UNIQUE(user_id, session_id));
       CREATE INDEX records_by_time ON records(user_id, timestamp);
       CREATE INDEX records_by_epoch ON records(user_id, epoch);
       CREATE VIRTUAL TABLE record_text USING fts5(owner, summary, themes, persons, places,
                                                   tokenize = 'porter unicode61 remove_diacritics 2');)",
    // The text is folded now; marks and emoji are parts of words, as in search_text.cpp.
    R"(DROP TABLE record_text;
       CREATE VIRTUAL TABLE record_text USING fts5(owner, summary, themes, persons, places,
         tokenize = "porter unicode61 remove_diacritics 2 categories 'L* N* M* Co So'");)"};

/// The search table is of an older version up to here: filled anew by search_text.cpp.
constexpr int64_t last_version_to_index_anew = 1;

bool has_table(connection& db, std::string_view name) {
  auto q = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?");
  return q.bind(name).step();
}

bool is_empty(connection& db) {
  return !db.prepare("SELECT 1 FROM sqlite_master").step();
}

int64_t stored_version(connection& db) {
  auto q = db.prepare("SELECT version FROM schema_version");
  return q.step() ? q.number(0) : -1;
}

}  // namespace

status prepare_schema(connection& db) {
  if (db.read_only())
    return fail(errc::misconfigured, "the database file is read-only; make it and its folder writable");
  transaction t{db, transaction::kind::write};
  int64_t version = 0;
  if (has_table(db, "schema_version")) {
    version = stored_version(db);
  } else if (!is_empty(db)) {
    return fail(errc::misconfigured, "the file is a database of another program; choose another --data");
  }
  if (version < 0 || version > schema_version)
    return fail(errc::misconfigured, "the database has schema " + std::to_string(version) +
                                         ", this program knows up to " + std::to_string(schema_version) +
                                         "; use a newer memory-api");
  for (auto v = static_cast<size_t>(version); v < steps.size(); ++v) db.exec(steps.at(v));
  if (version <= last_version_to_index_anew) index_all(db);
  db.prepare("UPDATE schema_version SET version = ?").bind(schema_version).run();
  t.commit();
  return ok;
}

}  // namespace mw::api
