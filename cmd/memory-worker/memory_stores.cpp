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

/// Tells of every call of a store how it ended.
class counted_store final : public memory::store {
 public:
  counted_store(made inner, observe::metrics& m) : inner_(std::move(inner)), metrics_(m) {}
  void read(const std::string& user_id, const std::string& session_id,
            std::function<void(result<memory::context>)> done) override {
    inner_->read(user_id, session_id, counted(std::move(done)));
  }
  void write(const memory::commit& c, std::string as_json,
             std::function<void(result<memory::commit_reply>)> done) override {
    inner_->write(c, std::move(as_json), counted(std::move(done)));
  }
  void probe(std::function<void(status)> done) override { inner_->probe(counted(std::move(done))); }

 private:
  using clock = std::chrono::steady_clock;
  template <class Answer>
  std::function<void(Answer)> counted(std::function<void(Answer)> done) {
    return [&m = metrics_, since = clock::now(), done = std::move(done)](Answer a) {
      m.request_ended(dependency::memory, a ? nullptr : &a.error(), clock::now() - since);
      done(std::move(a));
    };
  }
  const made inner_;
  observe::metrics& metrics_;
};

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

result<made> make_api(const config::memory_writer_settings& s, http::client& client) {
  memory_api::http_store_options o;
  o.endpoint = s.endpoint;
  o.token = s.token.value;
  o.connect_timeout = s.connect_timeout;
  o.total_timeout = s.request_timeout;
  auto store = memory_api::http_store::make(client, std::move(o));
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
  auto store =
      s.endpoint.empty() ? make_cosmos(s, loop, client, std::move(tokens), metrics) : make_api(s, client);
  if (!store || metrics == nullptr) return store;
  return made{std::make_unique<counted_store>(std::move(*store), *metrics)};
}

}  // namespace mw
