// memory::store over Cosmos DB: two documents, two containers (docs/design.md 8). A read is two point reads
// in parallel; a commit is at most two conditional writes, profile first (docs/design.md 4), decided by the
// pure rules of protocol/memory on what the job's read found, and decided anew on fresh documents when
// somebody else wrote or an answer was lost. Where the profile is not written it is read again: the epoch is
// always checked. Used by the worker and, with the same account, by memory-api. Any thread; `done` comes on
// the HTTP client's loop thread within the request time-out. Failures carry dependency::memory: not_storable
// names an id that Cosmos DB does not take (decided here, nothing is sent), misconfigured a container with
// another partition key.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "protocol/base/iso_time.hpp"
#include "protocol/cosmos/account.hpp"
#include "protocol/cosmos/recent_reads.hpp"
#include "protocol/memory/store.hpp"

namespace mw::cosmos {

struct containers {
  std::string conversations = "conversations";
  std::string user_memories = "user-memories";
};

struct store_options {
  account_options account;
  containers names;
  std::chrono::milliseconds request_timeout{10'000};  ///< of a whole read, commit or probe
  std::function<wall_time()> now;                     ///< empty: the wall clock
};

/// What read, commit and memory-api share.
struct store_core {
  std::shared_ptr<account> items;
  containers names;
  std::chrono::milliseconds request_timeout;
  std::function<wall_time()> now;
  std::shared_ptr<recent_reads> recent;

  account::deadline deadline() const { return std::chrono::steady_clock::now() + request_timeout; }
};
using core_ptr = std::shared_ptr<const store_core>;

request read_profile_request(const store_core& core, const std::string& user_id);
request read_record_request(const store_core& core, const std::string& user_id,
                            const std::string& session_id);
/// Create where `etag` is empty, else a replacement under If-Match.
request write_profile_request(const store_core& core, const memory::profile& p, const std::string& etag);
request write_record_request(const store_core& core, const memory::record& r, const std::string& etag,
                             std::string_view embedding_json = {});
/// Under If-Match.
request remove_record_request(const store_core& core, const memory::record& r);

/// The document of an answered read; nullopt where there is none. malformed: damaged, or somebody else's.
result<std::optional<memory::profile>> profile_of(const result<answer>& a, const std::string& user_id);
result<std::optional<memory::record>> record_of(const result<answer>& a, const std::string& user_id,
                                                const std::string& session_id);

/// Whether the user's wish covers this record: a lower epoch, or a watermark not beyond the mark of a
/// forgotten session (a commit that was under way when the wish came). Such records count as absent.
bool is_forgotten(const memory::record& r, const std::optional<memory::profile>& user);

/// Whether Cosmos DB holds documents of these ids; names the event's field that it does not.
status check_ids(std::string_view user_id, std::string_view session_id);

/// Both documents, in parallel.
void load(const core_ptr& core, const std::string& user_id, const std::string& session_id,
          account::deadline until, std::function<void(result<stored_pair>)> done);
/// A commit from its first read to its last write (commit_run.cpp).
/// `embedding_json`: the commit's embedding, written already; or empty.
void run_commit(core_ptr core, memory::commit c, std::string embedding_json,
                std::function<void(result<memory::commit_reply>)> done);

class document_store : public memory::store {
 public:
  /// Client and loop, the client's own, must outlive the store.
  static result<std::unique_ptr<document_store>> make(io::loop& loop, http::client& client,
                                                      store_options options);
  ~document_store() override;

  void read(const std::string& user_id, const std::string& session_id,
            std::function<void(result<memory::context>)> done) override;
  void write(const memory::commit& c, std::string as_json,
             std::function<void(result<memory::commit_reply>)> done) override;
  /// Looks at both containers: are they there, are they partitioned by /userId, are we let in?
  void probe(std::function<void(status)> done) override;

  const core_ptr& core() const { return core_; }

 private:
  explicit document_store(core_ptr core) : core_(std::move(core)) {}
  core_ptr core_;
};

}  // namespace mw::cosmos
