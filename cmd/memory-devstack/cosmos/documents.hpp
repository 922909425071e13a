// What the Cosmos DB stand-in stores: containers partitioned by one property, documents with their latest
// versions, a log sequence number (LSN) per container. Reads may ask for the state at an older LSN, as a
// replica that has not caught up would answer. Not synchronised: the service guards it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mw::cosmos_standin {

struct version {
  int64_t lsn = 0;
  std::string etag;
  std::string body;  ///< as it was sent; empty: deleted
};

class container {
 public:
  explicit container(std::string partition_key) : partition_key_(std::move(partition_key)) {}
  const std::string& partition_key() const { return partition_key_; }
  int64_t lsn() const { return lsn_; }

  /// The document as it was at `lsn`.
  std::optional<version> find(const std::string& partition, const std::string& id, int64_t lsn) const;
  std::optional<version> find(const std::string& partition, const std::string& id) const {
    return find(partition, id, lsn_);
  }
  /// A new version; an empty body deletes. Returns its ETag.
  std::string put(const std::string& partition, const std::string& id, std::string body);
  /// The documents of one partition at `lsn`, by id.
  std::vector<std::pair<std::string, version>> list(const std::string& partition, int64_t lsn) const;
  size_t size() const;

 private:
  using place = std::pair<std::string, std::string>;  // partition, id
  static std::optional<version> at(const std::vector<version>& versions, int64_t lsn);

  std::string partition_key_;
  int64_t lsn_ = 1;
  std::map<place, std::vector<version>> items_;
};

/// The document as the service shows it: with _rid, _self, _etag, _attachments and _ts.
std::string with_system_properties(const version& v, int64_t timestamp);

/// Top-level members of a document that the service looks at. nullopt: not a JSON object.
struct document_facts {
  std::string id;                        ///< empty: absent or no string
  std::optional<std::string> partition;  ///< nullopt: absent or no string
  size_t scalars = 0;                    ///< values that an index over every path would hold
  size_t vector_scalars = 0;             ///< of them in `vector_embedding`
};
std::optional<document_facts> look_into(std::string_view body, std::string_view partition_property);

}  // namespace mw::cosmos_standin
