// Takes what was forgotten out of the database's two files, in the background. A deleted row leaves its words
// in the search index's older segments and in the write-ahead log: the segments are merged into one, then the
// log is truncated, again and again while a reader keeps it. What is due stands in the file itself
// (PRAGMA user_version counts wishes), in the transaction that forgets, so that a crash loses none of it.
// Owned by sqlite_store; has a thread and a connection of its own. Trouble is logged, and tried again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "cmd/memory-api/log.hpp"
#include "cmd/memory-api/sqlite.hpp"

namespace mw::api {

/// In the write transaction that forgets something.
void owe_erasure(connection& db);
/// Wishes that the files still owe.
int64_t erasures_owed(connection& db);

class eraser {
 public:
  /// Begins with what an earlier process has left.
  eraser(std::string path, const log& l);
  /// Waits for the step at hand.
  ~eraser();
  eraser(const eraser&) = delete;
  eraser& operator=(const eraser&) = delete;

  /// After owe_erasure() was committed. Thread-safe.
  void wake();

 private:
  void run();
  /// True: nothing is owed.
  bool erase(connection& db);
  bool stopping();
  /// True: stop.
  bool rest(std::chrono::milliseconds time);

  std::string path_;
  log log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool due_ = true;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace mw::api
