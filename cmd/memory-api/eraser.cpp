#include "cmd/memory-api/eraser.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace mw::api {
namespace {

using namespace std::chrono_literals;

/// Pages that one step of merging writes: a commit waits for no more.
constexpr int pages_a_step = 200;
constexpr auto between_tries = 200ms;
constexpr auto after_trouble = 5s;

std::vector<std::string> search_tables(connection& db) {
  std::vector<std::string> out;
  auto q = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%USING fts5%'");
  while (q.step()) out.emplace_back(q.text(0));
  return out;
}

void merge_step(connection& db, const std::string& table, int pages) {
  transaction t{db, transaction::kind::write};
  db.exec(fmt::format("INSERT INTO {0}({0}, rank) VALUES('merge', {1})", table, pages).c_str());
  t.commit();
}

/// True: the log is empty.
bool truncate_log(connection& db) {
  auto q = db.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  return q.step() && q.number(0) == 0;
}

}  // namespace

void owe_erasure(connection& db) {
  const int64_t owed = erasures_owed(db);
  db.exec(fmt::format("PRAGMA user_version = {}", owed >= INT32_MAX ? 1 : owed + 1).c_str());
}

int64_t erasures_owed(connection& db) {
  auto q = db.prepare("PRAGMA user_version");
  return q.step() ? q.number(0) : 0;
}

eraser::eraser(std::string path, const log& l)
    : path_(std::move(path)), log_(l), thread_([this] { run(); }) {}

eraser::~eraser() {
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void eraser::wake() {
  {
    const std::lock_guard lock{mutex_};
    due_ = true;
  }
  changed_.notify_all();
}

bool eraser::stopping() {
  const std::lock_guard lock{mutex_};
  return stop_;
}

bool eraser::rest(std::chrono::milliseconds time) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, time, [this] { return stop_; });
}

void eraser::run() {
  for (;;) {
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return stop_ || due_; });
      if (stop_) return;
      due_ = false;
    }
    auto pause = between_tries;
    try {
      connection db{path_};
      while (!erase(db))
        if (rest(between_tries)) return;
      continue;
    } catch (const db_error& e) {
      log_.write(log_level::warning, "erasure-delayed", {{"detail", e.what.detail}});
      pause = after_trouble;
    }
    if (rest(pause)) return;
    wake();
  }
}

bool eraser::erase(connection& db) {
  const int64_t owed = erasures_owed(db);
  if (owed == 0) return true;
  for (const auto& table : search_tables(db)) {
    // A negative number begins to merge all segments into one; less than two changes: it is done.
    int pages = -pages_a_step;
    for (int64_t before = -2; db.total_changes() - before >= 2 && !stopping(); pages = pages_a_step) {
      before = db.total_changes();
      merge_step(db, table, pages);
    }
  }
  if (stopping()) return true;
  if (!truncate_log(db)) return false;
  {
    transaction t{db, transaction::kind::write};
    if (erasures_owed(db) != owed) return false;
    db.exec("PRAGMA user_version = 0");
    t.commit();
  }
  truncate_log(db);
  return true;
}

}  // namespace mw::api
