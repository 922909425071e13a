// Sends the requests of one endpoint and lets them in. With an API key the request carries its header
// already; with an Entra identity the token is put into each request's authorization header: from the
// identity's cache in a running worker, so without a request or a wait. A token that is refused (401) is told
// to the identity; whether to ask once more is the caller's. Used by analyst and embedder. Thread-safe;
// `done` runs exactly once, on the HTTP client's loop thread (a token that could not be had: on the
// identity's). Errors: the HTTP client's, and the identity's with from = llm.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "protocol/azure/token_source.hpp"
#include "protocol/http/client.hpp"

namespace mw::llm {

class sender : public std::enable_shared_from_this<sender> {
 public:
  using done_fn = std::function<void(result<http::response> got, bool token_refused)>;

  /// Without an identity requests are sent as they are.
  sender(http::client& http, std::shared_ptr<azure::token_source> identity, std::string scope)
      : http_(http), identity_(std::move(identity)), scope_(std::move(scope)) {}

  uint64_t new_id();
  /// One request at a time under one id of new_id().
  void send(uint64_t id, http::request r, done_fn done);
  void cancel(uint64_t id);
  /// Ends what runs as `cancelled`; whatever is sent later ends so too. The HTTP client is not touched again.
  void close();

 private:
  struct waiting {
    http::request what;
    done_fn done;
  };
  void take_token(uint64_t id, waiting w, result<azure::access_token> token);
  void post(uint64_t id, waiting w, std::string token);
  void ended(uint64_t id, const std::string& token, const done_fn& done, result<http::response> got);

  http::client& http_;
  const std::shared_ptr<azure::token_source> identity_;
  const std::string scope_;

  std::mutex mutex_;                                  // guards the three below
  std::unordered_map<uint64_t, uint64_t> in_flight_;  // id to HTTP request; 0: waits for its token
  uint64_t next_id_ = 1;
  bool closed_ = false;
};

}  // namespace mw::llm
