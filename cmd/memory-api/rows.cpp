#include "cmd/memory-api/rows.hpp"

#include "cmd/memory-api/search_text.hpp"
#include "protocol/memory/commit.hpp"
#include "protocol/memory/documents_json.hpp"

namespace mw::api {
namespace {

int64_t next_etag(connection& db) {
  auto q = db.prepare("UPDATE etags SET next = next + 1 RETURNING next");
  q.step();
  const int64_t number = q.number(0);
  q.step();
  return number;
}

template <class T>
T value_of(result<T> parsed) {
  if (!parsed) throw db_error{parsed.error()};
  return std::move(*parsed);
}

void index_text(connection& db, int64_t id, const memory::record& r) {
  db.prepare("DELETE FROM record_text WHERE rowid = ?").bind(id).run();
  if (!memory::has_summary(r)) return;
  db.prepare("INSERT INTO record_text(rowid, owner, summary, themes, persons, places) VALUES(?,?,?,?,?,?)")
      .bind(id)
      .bind(owner_token(r.user_id))
      .bind(indexable(r.summary))
      .bind(indexable(r.themes))
      .bind(indexable(r.persons))
      .bind(indexable(r.places))
      .run();
}

}  // namespace

std::string etag_text(int64_t number) {
  return '"' + std::to_string(number) + '"';
}

std::optional<memory::profile> load_profile(connection& db, std::string_view user_id) {
  auto q = db.prepare("SELECT etag, body FROM profiles WHERE user_id = ?");
  if (!q.bind(user_id).step()) return std::nullopt;
  auto p = value_of(memory::parse_profile(q.text(1)));
  p.etag = etag_text(q.number(0));
  return p;
}

std::string save_profile(connection& db, const memory::profile& p) {
  const int64_t etag = next_etag(db);
  db.prepare("INSERT OR REPLACE INTO profiles(user_id, epoch, etag, body) VALUES(?,?,?,?)")
      .bind(p.user_id)
      .bind(static_cast<int64_t>(p.epoch))
      .bind(etag)
      .bind(memory::write_profile(p))
      .run();
  return etag_text(etag);
}

int64_t profile_epoch(connection& db, std::string_view user_id) {
  auto q = db.prepare("SELECT epoch FROM profiles WHERE user_id = ?");
  return q.bind(user_id).step() ? q.number(0) : 0;
}

memory::record record_of(const query& row) {
  auto r = value_of(memory::parse_record(row.text(2)));
  r.etag = etag_text(row.number(1));
  r.embedding = row.floats(3);
  return r;
}

std::optional<memory::record> load_record(connection& db, std::string_view user_id,
                                          std::string_view session_id) {
  auto q =
      db.prepare("SELECT epoch, etag, body, embedding FROM records WHERE user_id = ? AND session_id = ?");
  if (!q.bind(user_id).bind(session_id).step()) return std::nullopt;
  return record_of(q);
}

std::string save_record(connection& db, const memory::record& r) {
  const int64_t etag = next_etag(db);
  memory::record body = r;
  body.embedding.clear();
  body.names_embedding = false;
  int64_t id = 0;
  {
    auto q = db.prepare(
        "INSERT INTO records(user_id, session_id, epoch, etag, timestamp, body, embedding) "
        "VALUES(?,?,?,?,?,?,?) ON CONFLICT(user_id, session_id) DO UPDATE SET epoch = excluded.epoch, "
        "etag = excluded.etag, timestamp = excluded.timestamp, body = excluded.body, "
        "embedding = excluded.embedding RETURNING id");
    q.bind(r.user_id).bind(r.session_id).bind(static_cast<int64_t>(r.epoch)).bind(etag);
    q.bind(r.timestamp).bind(memory::write_record(body)).bind_blob(r.embedding);
    q.step();
    id = q.number(0);
    q.step();
  }
  index_text(db, id, r);
  return etag_text(etag);
}

void index_all(connection& db) {
  auto q = db.prepare("SELECT epoch, etag, body, NULL, id FROM records");
  while (q.step()) index_text(db, q.number(4), record_of(q));
}

int delete_record(connection& db, std::string_view user_id, std::string_view session_id) {
  db.prepare(
        "DELETE FROM record_text WHERE rowid IN (SELECT id FROM records WHERE user_id = ? AND session_id = "
        "?)")
      .bind(user_id)
      .bind(session_id)
      .run();
  db.prepare("DELETE FROM records WHERE user_id = ? AND session_id = ?").bind(user_id).bind(session_id).run();
  return db.changes();
}

int delete_records_below(connection& db, std::string_view user_id, int64_t epoch) {
  db.prepare(
        "DELETE FROM record_text WHERE rowid IN (SELECT id FROM records WHERE user_id = ? AND epoch < ?)")
      .bind(user_id)
      .bind(epoch)
      .run();
  db.prepare("DELETE FROM records WHERE user_id = ? AND epoch < ?").bind(user_id).bind(epoch).run();
  return db.changes();
}

}  // namespace mw::api
