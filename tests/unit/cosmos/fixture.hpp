// A Cosmos DB account in this process for the cases of this module: the strict stand-in behind a socket, and
// the store that talks to it.
#pragma once

#include <future>
#include <memory>

#include "cmd/memory-devstack/cosmos/service.hpp"
#include "protocol/cosmos/document_store.hpp"
#include "protocol/http/server.hpp"
#include "tests/unit/memory/fixtures.hpp"

namespace mw::cosmos {

inline constexpr std::string_view master_key = "c2VjcmV0LW9mLXRoZS1zdGFuZC1pbi1hY2NvdW50LTAwMDE=";

/// What a case changes before the world is made.
struct world_options {
  std::string key{master_key};
  std::shared_ptr<azure::token_source> tokens;
  std::string audience;
  std::string partition_key = "/userId";
  std::chrono::seconds skew{0};  ///< of the service's clock
  std::chrono::milliseconds request_timeout{5'000};
  std::string database = "memory_db";
  std::function<void(std::string_view operation, std::string_view container)> before;
};

class world {
 public:
  explicit world(world_options o = {});
  cosmos_standin::service& service() { return *service_; }
  document_store& store() { return *store_; }
  account& items() { return *store_->core()->items; }
  const store_core& core() { return *store_->core(); }
  uint16_t port() const { return server_->port(); }

  result<memory::context> read(const std::string& user = "u", const std::string& session = "s");
  result<memory::commit_reply> write(const memory::commit& c);
  status probe();
  result<answer> send(request what);

  /// The stored documents, read without the store.
  std::optional<memory::profile> profile(const std::string& user = "u") const;
  std::optional<memory::record> record(const std::string& user = "u", const std::string& session = "s") const;

  /// Requests so far, by operation.
  uint64_t count(const std::string& operation) const;
  uint64_t retries(std::string_view cause) const;
  double charge() const;

 private:
  std::unique_ptr<cosmos_standin::service> service_;
  std::unique_ptr<http::server> server_;
  io::loop_thread loop_;
  std::unique_ptr<http::client> client_;
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t, std::less<>> retries_;
  double charge_ = 0;
  std::unique_ptr<document_store> store_;
};

/// Fault rules: a forced answer, or another trouble, for the next matching requests.
cosmos_standin::fault_rule forced(int status, int substatus = 0, std::string on = {}, uint64_t next = 1);
cosmos_standin::fault_rule trouble(cosmos_standin::fault_kind kind, std::string on = {}, uint64_t skip = 0,
                                   uint64_t next = 1);

}  // namespace mw::cosmos
