// The store over Cosmos DB: the same documents and rules as the worker's own (protocol/cosmos), and what
// people and chat applications ask for. Changes are compare-and-swap on the profile, the tombstone first;
// records are deleted after it. Lists and searches read the user's partition without the embeddings, about
// max_scanned records at most, and are sorted and scored here: CONTAINS would miss what folding finds. Each
// call may take the request time-out.
#pragma once

#include <memory>

#include "cmd/memory-api/store.hpp"
#include "protocol/cosmos/document_store.hpp"
#include "protocol/http/client.hpp"
#include "protocol/io/loop.hpp"

namespace mw::api {

inline constexpr size_t max_scanned = 5'000;

class cosmos_store final : public document_store {
 public:
  /// errc::misconfigured names the variable and the fix. No request is made yet.
  static result<std::unique_ptr<cosmos_store>> open(cosmos::store_options options);

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
  /// Looks at both containers.
  status check() override;

 private:
  cosmos_store() : http_(loop_.get(), {}) {}
  /// Sends and waits.
  result<cosmos::answer> ask(cosmos::request what) const;
  result<cosmos::stored_pair> load(const std::string& user_id, const std::string& session_id) const;
  result<std::optional<memory::profile>> profile(const std::string& user_id) const;
  /// The records of the partition, visible or not, without embeddings; about `most` of them.
  result<std::vector<memory::record>> scan(const std::string& user_id, size_t most) const;
  result<std::vector<memory::record>> visible_records(const std::string& user_id) const;
  /// Compare-and-swap of the profile: `change` makes the new one of the stored (or an empty) one; done again
  /// while others write.
  template <class Change>
  result<written> update_profile(const std::string& user_id, const precondition& p, Change&& change) const;
  /// Best effort: empties the stored record where the user's last wish says so (memory/unsaid.hpp).
  void empty_outdated(const std::string& user_id, const std::string& session_id) const;
  /// Best effort, under the record's ETag. Whether this call deleted it.
  bool remove(const memory::record& r) const;

  io::loop_thread loop_;
  http::client http_;
  std::unique_ptr<cosmos::document_store> documents_;
  cosmos::core_ptr core_;
};

}  // namespace mw::api
