// The embedded store: both kinds of documents in one SQLite file (WAL, synchronous FULL). Every change is one
// IMMEDIATE transaction in which the pure rules of protocol/memory decide on what is stored at that moment,
// so nothing is lost or applied twice, whoever writes at the same time and whenever the process dies. Records
// whose epoch is below their profile's are invisible and deleted on sight. Thread-safe; reads don't wait for
// writes. Time is a parameter. Errors: overloaded (locked, disk full, I/O), conflict (a precondition fails),
// malformed (a damaged document), internal.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cmd/memory-api/eraser.hpp"
#include "cmd/memory-api/sqlite.hpp"
#include "cmd/memory-api/store.hpp"

namespace mw::api {

class sqlite_store final : public document_store {
 public:
  /// errc::misconfigured names the file and the fix.
  static result<std::unique_ptr<sqlite_store>> open(const std::string& path,
                                                    const log& l = log{log_level::warning});

  result<std::string> read_context(std::string_view user_id, std::string_view session_id) override;
  result<memory::commit_reply> write(const memory::commit& c, wall_time now) override;
  result<std::optional<memory::profile>> read_profile(std::string_view user_id) override;
  result<std::optional<memory::record>> read_record(std::string_view user_id,
                                                    std::string_view session_id) override;
  result<std::vector<memory::record>> list_records(std::string_view user_id, size_t limit,
                                                   size_t offset) override;
  result<std::vector<found_record>> search(std::string_view user_id, std::string_view text,
                                           size_t limit) override;
  result<written> put_lists(std::string_view user_id, const list_updates& updates, const precondition& p,
                            wall_time now) override;
  result<written> put_summary(const memory::record& summary, const precondition& p, wall_time now) override;
  result<forgotten> forget_everything(std::string_view user_id, const precondition& p,
                                      wall_time now) override;
  result<forgotten> forget_session(std::string_view user_id, std::string_view session_id,
                                   const precondition& p, wall_time now) override;
  result<forgotten> forget_item(std::string_view user_id, memory::category in, std::string_view item,
                                const precondition& p, wall_time now) override;
  /// Whether the file can be read and a write lock be had.
  status check() override;

 private:
  explicit sqlite_store(std::string path) : path_(std::move(path)) {}
  /// Runs `work` on a connection of its own for reading.
  template <class Work>
  auto reading(Work&& work) -> decltype(work(std::declval<connection&>()));
  /// Runs `work` in a write transaction, committed if it returns a value.
  template <class Work>
  auto writing(Work&& work) -> decltype(work(std::declval<connection&>()));
  void drop_invisible(std::string_view user_id);
  /// The same for what forgets: the text leaves the files soon after.
  template <class Work>
  result<forgotten> forgetting(Work&& work);

  std::string path_;
  std::mutex write_mutex_;  ///< our own writers queue here instead of in SQLite's busy handler
  std::unique_ptr<connection> writer_;
  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<connection>> readers_;  ///< idle ones
  std::unique_ptr<eraser> eraser_;
};

}  // namespace mw::api
