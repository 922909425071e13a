// What this process read last, by user and session, so that the commit that follows a job's load needs not
// read again: its conditional writes fail if anything changed meanwhile. An entry is taken once. Bounded in
// entries and in bytes; the oldest gives way. Thread-safe.
#pragma once

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "protocol/memory/documents.hpp"

namespace mw::cosmos {

/// What both documents hold as stored, visible or not; absent ones are nullopt.
struct stored_pair {
  std::optional<memory::record> conversation;
  std::optional<memory::profile> user;
};

class recent_reads {
 public:
  static constexpr size_t max_entries = 1'024;
  static constexpr size_t max_bytes = 16u << 20;

  void put(const std::string& user_id, const std::string& session_id, stored_pair pair);
  std::optional<stored_pair> take(const std::string& user_id, const std::string& session_id);
  size_t bytes() const;

 private:
  struct entry {
    std::string key;
    stored_pair pair;
    size_t bytes;
  };
  using entries = std::list<entry>;
  void erase(entries::iterator at);

  mutable std::mutex mutex_;
  entries entries_;  ///< newest last
  std::unordered_map<std::string, entries::iterator> by_key_;
  size_t bytes_ = 0;
};

}  // namespace mw::cosmos
