// Where memories are kept, as the worker sees it: one read of both documents, one commit. Implementations:
// protocol/memory_api (HTTP, our Memory API or a foreign one), protocol/cosmos (Cosmos DB itself).
// Thread-safe to call; `done` runs exactly once, on the implementation's loop thread, within the time-out
// configured there.
#pragma once

#include <functional>

#include "protocol/memory/commit.hpp"

namespace mw::memory {

struct context {
  std::optional<record> conversation;  ///< absent: first time, or invisible because of a lower epoch
  std::optional<profile> user;         ///< absent: no document (a tombstone is a present, empty profile)
};

struct commit_reply {
  commit_outcome outcome = commit_outcome::stored;
  uint32_t operations_applied = 0;
  uint32_t operations_dropped = 0;
  uint32_t operations_outdated = 0;  ///< of these: newer evidence about the item was there already
  uint32_t items_evicted = 0;        ///< gave way in a full list
  bool embedding_dropped = false;    ///< the record's, because its summary changed
};

inline commit_reply stored_reply(const profile_change& c) {
  return {commit_outcome::stored, c.applied, c.dropped, c.outdated, c.evicted};
}

class store {
 public:
  virtual ~store() = default;
  virtual void read(const std::string& user_id, const std::string& session_id,
                    std::function<void(result<context>)> done) = 0;
  /// `as_json`: the commit as memory_api::write_commit() writes it, where the caller has made it already; or
  /// empty.
  virtual void write(const commit& c, std::string as_json,
                     std::function<void(result<commit_reply>)> done) = 0;
  /// A cheap authenticated call: is the store there and does it let us in?
  virtual void probe(std::function<void(status)> done) = 0;
};

}  // namespace mw::memory
