#include "cmd/memory-api/sqlite.hpp"

#include <cstring>

namespace mw::api {
namespace {

constexpr int busy_timeout_ms = 5'000;

errc code_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISUSE:
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
      return errc::internal;
    default:  // busy, locked, full, I/O error, read-only: may pass
      return errc::overloaded;
  }
}

[[noreturn]] void raise(sqlite3* db, int code) {
  std::string detail = "SQLite: ";
  detail += db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  // Of a damaged file it may repeat anything.
  for (char& c : detail)
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';
  throw db_error{fail(code_of(code), detail)};
}

}  // namespace

query::~query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

query& query::bind(std::string_view text) {
  // A null pointer would bind NULL instead of an empty text.
  const char* data = text.empty() ? "" : text.data();
  const int code = sqlite3_bind_text64(statement_, next_++, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) raise(db_, code);
  return *this;
}

query& query::bind(int64_t number) {
  if (const int code = sqlite3_bind_int64(statement_, next_++, number); code != SQLITE_OK) raise(db_, code);
  return *this;
}

query& query::bind_blob(const std::vector<float>& values) {
  const int code = values.empty() ? sqlite3_bind_null(statement_, next_++)
                                  : sqlite3_bind_blob64(statement_, next_++, values.data(),
                                                        values.size() * sizeof(float), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) raise(db_, code);
  return *this;
}

bool query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  raise(db_, code);
}

std::string_view query::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (data == nullptr) return "";  // of a damaged file: who reads a text may take its address
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

int64_t query::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::vector<float> query::floats(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const auto bytes = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
  if (data == nullptr) return {};
  std::vector<float> out(bytes / sizeof(float));
  if (!out.empty()) std::memcpy(out.data(), data, out.size() * sizeof(float));
  return out;
}

connection::connection(const std::string& path) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  db_.reset(raw);
  if (code != SQLITE_OK) raise(raw, code);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, busy_timeout_ms);
  // FULL: a commit that was answered survives a power cut. secure_delete: what is forgotten leaves no text in
  // freed pages.
  exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
      "PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864;");
}

void connection::exec(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) raise(db_.get(), code);
}

query connection::prepare(const char* sql) {
  auto& slot = statements_[sql];
  if (!slot) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (code != SQLITE_OK) raise(db_.get(), code);
    slot.reset(raw);
  }
  return {db_.get(), slot.get()};
}

transaction::transaction(connection& db, kind k) : db_(db) {
  db_.exec(k == kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
}

transaction::~transaction() {
  if (!open_) return;
  try {
    db_.exec("ROLLBACK");
  } catch (const db_error&) {
    // SQLite has rolled back already (disk full, I/O error): there is nothing left to undo.
    return;
  }
}

void transaction::commit() {
  db_.exec("COMMIT");
  open_ = false;
}

}  // namespace mw::api
