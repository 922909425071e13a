// A strict stand-in for a Cosmos DB account (SQL API over REST), without its socket: one database, containers
// partitioned by one property. It verifies signatures and tokens, refuses what the real service refuses
// (partition key absent or not the document's, ids with / \ ? #, documents over 2 MB, a wrong If-Match),
// answers with ETags, session tokens and a request charge, and has fault knobs. The charge is a model, not
// the service's: see charge_of_write(). handle() may run on any number of threads at once.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cmd/memory-devstack/cosmos/checks.hpp"
#include "cmd/memory-devstack/cosmos/documents.hpp"
#include "cmd/memory-devstack/cosmos/faults.hpp"
#include "protocol/http/server.hpp"

namespace mw::cosmos_standin {

struct service_options {
  access who;
  std::string database = "memory_db";
  std::vector<std::string> containers{"conversations", "user-memories"};
  std::string partition_key = "/userId";
  bool index_vectors = false;  ///< vector_embedding is in the index, as without an excluded path
  std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now;
  /// Called before a request is looked at, without a lock held; tests write in between here.
  std::function<void(std::string_view operation, std::string_view container)> before;
};

/// Request units of a point read of so many bytes: 1, and about 10 for 100 KB.
double charge_of_read(size_t bytes);
/// Request units of a write: 5 for 1 KB, about 48 for 100 KB, and 0.05 for each indexed value.
double charge_of_write(size_t bytes, size_t indexed);

struct operation_stats {
  uint64_t requests = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  double charge = 0;
};

class service {
 public:
  explicit service(service_options options);
  http::server_response handle(const http::server_request& request);

  // For tests in the same process.
  void add_fault(fault_rule rule);
  void clear_faults();
  std::map<std::string, operation_stats> stats() const;
  void clear_stats();
  /// The body as it was sent last; empty: no such document.
  std::string stored(const std::string& container, const std::string& partition, const std::string& id) const;
  /// As another client would, whatever is there; an empty body deletes.
  void put(const std::string& container, const std::string& partition, const std::string& id,
           std::string body);
  size_t count(const std::string& container) const;

 private:
  struct target {
    std::string operation;  ///< account, read, create, replace, delete, query, container
    std::string container;
    std::string id;  ///< of the path
    std::string link;
  };
  std::optional<target> target_of(const http::server_request& r) const;
  std::optional<http::server_response> refused_at_the_door(const http::server_request& r,
                                                           const target& t) const;
  http::server_response administer(const http::server_request& r);
  http::server_response run(const http::server_request& r, const target& t,
                            const std::optional<fault_rule>& fault);
  http::server_response read(const http::server_request& r, const target& t, const container& c,
                             const std::string& partition, int64_t behind);
  http::server_response write(const http::server_request& r, const target& t, container& c,
                              const std::string& partition);
  http::server_response remove(const http::server_request& r, const target& t, container& c,
                               const std::string& partition);
  http::server_response query(const http::server_request& r, const container& c,
                              const std::string& partition);
  void count_request(const http::server_request& r, const target& t, const http::server_response& answer);

  const service_options options_;
  mutable std::mutex mutex_;  // guards the rest
  std::map<std::string, container> containers_;
  fault_plan faults_;
  std::map<std::string, operation_stats> stats_;
  uint64_t next_activity_ = 1;
};

}  // namespace mw::cosmos_standin
