#include "cmd/memory-api/sqlite_store.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "cmd/memory-api/edits.hpp"
#include "cmd/memory-api/rows.hpp"
#include "cmd/memory-api/schema.hpp"
#include "cmd/memory-api/search_text.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/unsaid.hpp"
#include "protocol/memory_api/commit_json.hpp"

namespace mw::api {
namespace {

constexpr size_t max_idle_readers = 16;

memory::profile profile_of(connection& db, std::string_view user_id) {
  auto p = load_profile(db, user_id).value_or(memory::profile{});
  p.user_id = user_id;
  return p;
}

/// Invisible records count as absent.
/// The visible ones, newest first.
std::vector<memory::record> records_of(connection& db, std::string_view user_id, int64_t limit,
                                       int64_t offset) {
  auto q = db.prepare(
      "SELECT epoch, etag, body, NULL FROM records WHERE user_id = ? AND epoch >= ? "
      "ORDER BY timestamp DESC, id DESC LIMIT ? OFFSET ?");
  q.bind(user_id).bind(profile_epoch(db, user_id)).bind(limit).bind(offset);
  std::vector<memory::record> out;
  while (q.step()) out.push_back(record_of(q));
  return out;
}

std::optional<memory::record> visible_record(connection& db, std::string_view user_id,
                                             std::string_view session_id) {
  auto r = load_record(db, user_id, session_id);
  if (r && static_cast<int64_t>(r->epoch) < profile_epoch(db, user_id)) return std::nullopt;
  return r;
}

memory::commit_reply write_commit(connection& db, const memory::commit& c, const std::string& now) {
  const auto user = load_profile(db, c.user_id);
  if (user) delete_records_below(db, c.user_id, static_cast<int64_t>(user->epoch));
  const auto all_dropped = static_cast<uint32_t>(c.operations.size());
  if (const auto refused = memory::check_epoch(user, c)) return {*refused, 0, all_dropped};
  auto stored = load_record(db, c.user_id, c.session_id);
  if (stored) memory::empty_outdated(*stored, user);
  auto record = memory::apply_to_record(stored, c, now);
  if (record.outcome != memory::commit_outcome::stored) return {record.outcome, 0, all_dropped};
  const auto unsaid = user ? memory::unsay(*user, c, now) : std::nullopt;
  if (unsaid && c.unsaid) {
    save_profile(db, *unsaid);
    return {memory::commit_outcome::reload, 0, all_dropped};
  }
  const memory::record nothing;
  const auto change = memory::apply_to_profile(unsaid ? *unsaid : user.value_or(memory::profile{}), c, now,
                                               stored ? &*stored : &nothing);
  if (change.changed || unsaid) save_profile(db, change.next);
  memory::empty_outdated(record.next, change.next);
  save_record(db, record.next);
  auto reply = memory::stored_reply(change);
  reply.embedding_dropped = record.embedding_dropped;
  return reply;
}

/// Weight of a term that occurs in `hits` of `all` records: rare words say more.
double weight(size_t all, size_t hits) {
  return std::log(1.0 + static_cast<double>(all + 1) / static_cast<double>(hits + 1));
}

}  // namespace

template <class Work>
auto sqlite_store::reading(Work&& work) -> decltype(work(std::declval<connection&>())) {
  try {
    std::unique_ptr<connection> db;
    {
      const std::lock_guard lock{readers_mutex_};
      if (!readers_.empty()) {
        db = std::move(readers_.back());
        readers_.pop_back();
      }
    }
    if (!db) db = std::make_unique<connection>(path_);
    auto out = [&] {
      transaction t{*db, transaction::kind::read};
      return work(*db);
    }();
    const std::lock_guard lock{readers_mutex_};
    if (readers_.size() < max_idle_readers) readers_.push_back(std::move(db));
    return out;
  } catch (const db_error& e) {
    return e.what;
  }
}

template <class Work>
auto sqlite_store::writing(Work&& work) -> decltype(work(std::declval<connection&>())) {
  const std::lock_guard lock{write_mutex_};
  try {
    transaction t{*writer_, transaction::kind::write};
    auto out = work(*writer_);
    if (out) t.commit();
    return out;
  } catch (const db_error& e) {
    return e.what;
  }
}

template <class Work>
result<forgotten> sqlite_store::forgetting(Work&& work) {
  auto out = writing([&](connection& db) -> result<forgotten> {
    auto done = work(db);
    if (done) owe_erasure(db);
    return done;
  });
  if (out) eraser_->wake();
  return out;
}

result<std::unique_ptr<sqlite_store>> sqlite_store::open(const std::string& path, const log& l) {
  const auto refused = [&path](const failure& f) {
    return fail(errc::misconfigured,
                "cannot use the database " + path + ": " + f.detail +
                    (f.code == errc::misconfigured ? "" : "; does its folder exist, and is it writable?"));
  };
  try {
    std::unique_ptr<sqlite_store> store{new sqlite_store(path)};
    store->writer_ = std::make_unique<connection>(path);
    if (const auto ready = prepare_schema(*store->writer_); !ready) return refused(ready.error());
    store->eraser_ = std::make_unique<eraser>(path, l);
    return store;
  } catch (const db_error& e) {
    return refused(e.what);
  }
}

result<std::string> sqlite_store::read_context(std::string_view user_id, std::string_view session_id) {
  bool invisible = false;
  auto out = reading([&](connection& db) -> result<std::string> {
    auto user = db.prepare("SELECT epoch, etag, body FROM profiles WHERE user_id = ?");
    const bool known = user.bind(user_id).step();
    auto conversation =
        db.prepare("SELECT epoch, etag, body FROM records WHERE user_id = ? AND session_id = ?");
    bool stored = conversation.bind(user_id).bind(session_id).step();
    invisible = known && stored && conversation.number(0) < user.number(0);
    stored = stored && !invisible;
    return memory_api::write_context(stored ? conversation.text(2) : std::string_view{},
                                     stored ? etag_text(conversation.number(1)) : std::string{},
                                     known ? user.text(2) : std::string_view{},
                                     known ? etag_text(user.number(1)) : std::string{});
  });
  if (invisible) drop_invisible(user_id);
  return out;
}

void sqlite_store::drop_invisible(std::string_view user_id) {
  // Best effort: what cannot be deleted now stays invisible and is seen again.
  static_cast<void>(writing([&](connection& db) -> status {
    delete_records_below(db, user_id, profile_epoch(db, user_id));
    return ok;
  }));
}

result<memory::commit_reply> sqlite_store::write(const memory::commit& c, wall_time now) {
  return writing([&](connection& db) -> result<memory::commit_reply> {
    return write_commit(db, c, format_iso_time(now));
  });
}

result<std::optional<memory::profile>> sqlite_store::read_profile(std::string_view user_id) {
  return reading(
      [&](connection& db) -> result<std::optional<memory::profile>> { return load_profile(db, user_id); });
}

result<std::optional<memory::record>> sqlite_store::read_record(std::string_view user_id,
                                                                std::string_view session_id) {
  return reading([&](connection& db) -> result<std::optional<memory::record>> {
    return visible_record(db, user_id, session_id);
  });
}

result<std::vector<memory::record>> sqlite_store::list_records(std::string_view user_id, size_t limit,
                                                               size_t offset) {
  return reading([&](connection& db) -> result<std::vector<memory::record>> {
    return records_of(db, user_id, static_cast<int64_t>(limit), static_cast<int64_t>(offset));
  });
}

result<std::vector<found_record>> sqlite_store::search(std::string_view user_id, std::string_view text,
                                                       size_t limit) {
  const auto terms = search_terms(text);
  return reading([&](connection& db) -> result<std::vector<found_record>> {
    auto count = db.prepare("SELECT count(*) FROM records WHERE user_id = ?");
    count.bind(user_id).step();
    const auto all = static_cast<size_t>(count.number(0));
    std::map<int64_t, double> scores;
    double best_possible = 0;
    for (const auto& term : terms) {
      std::vector<int64_t> hits;
      auto q = db.prepare("SELECT rowid FROM record_text WHERE record_text MATCH ?");
      q.bind(term_expression(user_id, term));
      while (q.step()) hits.push_back(q.number(0));
      const double w = weight(all, hits.size());
      best_possible += w;
      for (const int64_t id : hits) scores[id] += w;
    }
    std::vector<found_record> out;
    const int64_t epoch = profile_epoch(db, user_id);
    for (const auto& [id, score] : scores) {
      auto q = db.prepare(
          "SELECT epoch, etag, body, NULL FROM records WHERE id = ? AND user_id = ? AND epoch >= ?");
      if (q.bind(id).bind(user_id).bind(epoch).step()) out.push_back({record_of(q), score / best_possible});
    }
    std::stable_sort(out.begin(), out.end(), [](const found_record& a, const found_record& b) {
      return a.relevance != b.relevance ? a.relevance > b.relevance : a.doc.timestamp > b.doc.timestamp;
    });
    if (out.size() > limit) out.resize(limit);
    return out;
  });
}

result<written> sqlite_store::put_lists(std::string_view user_id, const list_updates& updates,
                                        const precondition& p, wall_time now) {
  return writing([&](connection& db) -> result<written> {
    auto user = profile_of(db, user_id);
    if (const auto met = api::check(p, user.etag); !met) return met.error();
    const bool created = user.etag.empty();
    apply_lists(user, updates, now);
    return written{save_profile(db, user), created};
  });
}

result<written> sqlite_store::put_summary(const memory::record& summary, const precondition& p,
                                          wall_time now) {
  return writing([&](connection& db) -> result<written> {
    const auto user = load_profile(db, summary.user_id);
    if (user) delete_records_below(db, summary.user_id, static_cast<int64_t>(user->epoch));
    auto stored = load_record(db, summary.user_id, summary.session_id);
    if (const auto met = api::check(p, stored ? stored->etag : std::string{}); !met) return met.error();
    const auto next = merge_summary(summary, stored, user, now);
    return written{save_record(db, next), !stored, loses_embedding(stored, next)};
  });
}

result<forgotten> sqlite_store::forget_everything(std::string_view user_id, const precondition& p,
                                                  wall_time now) {
  return forgetting([&](connection& db) -> result<forgotten> {
    const auto user = profile_of(db, user_id);
    if (const auto met = api::check(p, user.etag); !met) return met.error();
    const auto records = records_of(db, user_id, std::numeric_limits<int64_t>::max(), 0);
    const auto tombstone = memory::forget_everything(user, memory::positions_of(records, user.epoch), now);
    save_profile(db, tombstone);
    const int deleted = delete_records_below(db, user_id, static_cast<int64_t>(tombstone.epoch));
    return forgotten{!user.empty() || deleted > 0};
  });
}

result<forgotten> sqlite_store::forget_session(std::string_view user_id, std::string_view session_id,
                                               const precondition& p, wall_time now) {
  return forgetting([&](connection& db) -> result<forgotten> {
    const auto stored = visible_record(db, user_id, session_id);
    if (const auto met = api::check(p, stored ? stored->etag : std::string{}); !met) return met.error();
    const auto change =
        memory::forget_session(profile_of(db, user_id), session_id,
                               stored ? stored->through : std::optional<memory::watermark>{}, now);
    save_profile(db, change.next);
    delete_record(db, user_id, session_id);
    return forgotten{stored.has_value() || change.removed > 0};
  });
}

result<forgotten> sqlite_store::forget_item(std::string_view user_id, memory::category in,
                                            std::string_view item, const precondition& p, wall_time now) {
  return forgetting([&](connection& db) -> result<forgotten> {
    const auto user = profile_of(db, user_id);
    if (const auto met = api::check(p, user.etag); !met) return met.error();
    const auto records = records_of(db, user_id, std::numeric_limits<int64_t>::max(), 0);
    const auto change = memory::forget_item(user, in, item, now, records);
    save_profile(db, change.next);
    for (const std::string& session : change.sessions)
      if (auto r = load_record(db, user_id, session); r && memory::empty_outdated(*r, change.next))
        save_record(db, *r);
    return forgotten{change.removed > 0};
  });
}

status sqlite_store::check() {
  const auto readable = reading([&](connection& db) -> status {
    db.prepare("SELECT next FROM etags").step();
    return ok;
  });
  if (!readable) return readable.error();
  return writing([&](connection& db) -> status {
    db.prepare("SELECT version FROM schema_version").step();
    return ok;
  });
}

}  // namespace mw::api
