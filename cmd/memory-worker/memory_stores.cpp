#include "cmd/memory-worker/memory_stores.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "protocol/cosmos/document_store.hpp"
#include "protocol/memory_api/http_store.hpp"

namespace mw {
namespace {

using made = std::unique_ptr<memory::store>;

cosmos::observer counting(observe::metrics* metrics) {
  if (metrics == nullptr) return {};
  for (const auto cause : cosmos::retry_causes) metrics->cosmos_retries.at(cause);  // shown from the start
  return {[metrics](cosmos::operation op, double units) {
            metrics->cosmos_request_units.at(to_string(op)).Increment(units);
            metrics->cosmos_requests.at(to_string(op)).Increment();
          },
          [metrics](std::string_view cause) { metrics->cosmos_retries.at(cause).Increment(); }};
}

result<made> make_cosmos(const config::memory_writer_settings& s, io::loop& loop, http::client& client,
                         std::shared_ptr<azure::token_source> tokens, observe::metrics* metrics) {
  cosmos::store_options o;
  o.account.endpoint = s.cosmos_endpoint;
  o.account.database = s.cosmos_database;
  o.account.key = s.cosmos_key.value;
  o.account.tokens = std::move(tokens);
  o.account.connect_timeout = s.connect_timeout;
  o.account.told = counting(metrics);
  o.account.seed = static_cast<uint64_t>(getpid());
  o.names = {s.cosmos_conversations, s.cosmos_user_memories};
  o.request_timeout = s.request_timeout;
  auto store = cosmos::document_store::make(loop, client, std::move(o));
  if (!store) return store.error();
  return made{std::move(*store)};
}

}  // namespace

std::string memory_place(const config::memory_writer_settings& s) {
  if (!s.endpoint.empty()) return s.endpoint;
  return fmt::format("{} {}: {}, {}", s.cosmos_endpoint, s.cosmos_database, s.cosmos_conversations,
                     s.cosmos_user_memories);
}

result<made> make_store(const config::memory_writer_settings& s, io::loop& loop, http::client& client,
                        std::shared_ptr<azure::token_source> tokens, observe::metrics* metrics) {
  if (s.endpoint.empty()) return make_cosmos(s, loop, client, std::move(tokens), metrics);
  memory_api::http_store_options o;
  o.endpoint = s.endpoint;
  o.token = s.token.value;
  o.connect_timeout = s.connect_timeout;
  o.total_timeout = s.request_timeout;
  auto store = memory_api::http_store::make(client, std::move(o));
  if (!store) return store.error();
  return made{std::move(*store)};
}

}  // namespace mw
