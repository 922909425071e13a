// A thin layer over SQLite's C interface for this program's store: connections with cached prepared
// statements, transactions that roll back unless committed. Errors inside the store travel as db_error and
// are turned into failures at the store's edge (sqlite_store.cpp); they never leave it. One connection is
// used by one thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/base/errors.hpp"

namespace mw::api {

struct db_error {
  failure what;
};

/// A prepared statement being run. Bind from 1 in order of the question marks; columns count from 0. Goes
/// back to its connection, reset, when it is destroyed.
class query {
 public:
  query(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  ~query();
  query(const query&) = delete;
  query& operator=(const query&) = delete;

  query& bind(std::string_view text);
  query& bind(int64_t number);
  query& bind_blob(const std::vector<float>& values);  ///< empty: NULL
  /// True: a row is there.
  bool step();
  /// For statements without rows.
  void run() { step(); }
  /// Valid until the next step().
  std::string_view text(int column) const;
  int64_t number(int column) const;
  std::vector<float> floats(int column) const;

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_;
  int next_ = 1;
};

class connection {
 public:
  /// Opens for reading and writing, creates the file where it is missing.
  explicit connection(const std::string& path);
  void exec(const char* sql);
  /// `sql` must be a literal: its address is the cache's key.
  query prepare(const char* sql);
  int changes() const { return sqlite3_changes(db_.get()); }
  int64_t total_changes() const { return sqlite3_total_changes64(db_.get()); }
  bool read_only() const { return sqlite3_db_readonly(db_.get(), "main") == 1; }

 private:
  struct closer {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  struct finalizer {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  std::unique_ptr<sqlite3, closer> db_;
  std::unordered_map<const char*, std::unique_ptr<sqlite3_stmt, finalizer>> statements_;
};

/// BEGIN IMMEDIATE (or a read transaction) until commit(); rolls back otherwise.
class transaction {
 public:
  enum class kind : uint8_t { read, write };
  transaction(connection& db, kind k);
  ~transaction();
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  void commit();

 private:
  connection& db_;
  bool open_ = true;
};

}  // namespace mw::api
