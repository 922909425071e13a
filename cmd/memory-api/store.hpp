// What the routes need from a store: SQLite (sqlite_store.hpp) or Cosmos DB (cosmos_store.hpp). Every change
// is decided by the pure rules of protocol/memory on what is stored at that moment. Records whose epoch is
// below their profile's are invisible and deleted on sight. Thread-safe; calls block until done, for a finite
// time. Time is a parameter. Errors: conflict (a precondition fails), not_storable (an id that Cosmos DB does
// not take), rejected (Cosmos DB refuses the request), overloaded, throttled, unreachable and the like (the
// store cannot be used now), malformed (a damaged document), internal.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/iso_time.hpp"
#include "protocol/memory/store.hpp"

namespace mw::api {

/// If-Match / If-None-Match of a write; both empty: none. Not met: errc::conflict.
struct precondition {
  std::string if_match;       ///< "*", or a list of entity tags
  std::string if_none_match;  ///< only "*"
};

struct written {
  std::string etag;
  bool created = false;
  bool embedding_dropped = false;  ///< the record's, because its summary changed and came without one
};

struct forgotten {
  bool existed = false;  ///< there was something to forget
};

struct found_record {
  memory::record doc;
  double relevance = 0;  ///< (0, 1]
};

/// Whole new lists of the named categories.
using list_updates = std::vector<std::pair<memory::category, std::vector<std::string>>>;

class document_store {
 public:
  virtual ~document_store() = default;

  /// The answer of GET /internal/context, as JSON.
  virtual result<std::string> read_context(std::string_view user_id, std::string_view session_id) = 0;
  virtual result<memory::commit_reply> write(const memory::commit& c, wall_time now) = 0;

  virtual result<std::optional<memory::profile>> read_profile(std::string_view user_id) = 0;
  virtual result<std::optional<memory::record>> read_record(std::string_view user_id,
                                                            std::string_view session_id) = 0;
  /// Newest first.
  virtual result<std::vector<memory::record>> list_records(std::string_view user_id, size_t limit,
                                                           size_t offset) = 0;
  /// Best first; records without a real summary are never found.
  virtual result<std::vector<found_record>> search(std::string_view user_id, std::string_view text,
                                                   size_t limit) = 0;

  virtual result<written> put_lists(std::string_view user_id, const list_updates& updates,
                                    const precondition& p, wall_time now) = 0;
  /// Sets the summary fields; watermark, skipped spans and usage stay as they are.
  virtual result<written> put_summary(const memory::record& summary, const precondition& p,
                                      wall_time now) = 0;

  /// Leave their mark whether or not there was anything: work in flight must not bring it back.
  virtual result<forgotten> forget_everything(std::string_view user_id, const precondition& p,
                                              wall_time now) = 0;
  virtual result<forgotten> forget_session(std::string_view user_id, std::string_view session_id,
                                           const precondition& p, wall_time now) = 0;
  virtual result<forgotten> forget_item(std::string_view user_id, memory::category in, std::string_view item,
                                        const precondition& p, wall_time now) = 0;

  /// Whether the store can be read and written.
  virtual status check() = 0;
};

}  // namespace mw::api
