// Bytes in flight: conversations that were admitted and whose job is not done. Shared by session_loader
// (takes) and dispatcher (gives back when the job's outcome is known, whoever crashed meanwhile).
// Thread-safe. A conversation larger than the whole budget is admitted when nothing else is in flight. A job
// holds bytes only between open() and give_back(): a late read of one that has ended can keep nothing.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace mw::flow {

class byte_budget {
 public:
  explicit byte_budget(uint64_t total) : total_(total) {}
  /// The job runs: it may take bytes.
  void open(uint64_t job);
  /// False: there is no room now, or the job is not open. A job that holds bytes already has them replaced by
  /// the new size.
  bool take(uint64_t job, uint64_t bytes);
  void give_back(uint64_t job);
  /// A restarted dispatcher knows none of the jobs that hold bytes.
  void give_back_all();
  uint64_t used() const;
  uint64_t total() const { return total_; }

 private:
  const uint64_t total_;
  mutable std::mutex mutex_;
  uint64_t used_ = 0;
  std::unordered_map<uint64_t, uint64_t> held_;
};

}  // namespace mw::flow
