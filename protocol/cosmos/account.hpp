// One Cosmos DB account and database over its SQL REST interface: sends single requests, signed with the
// master key or an Entra token, keeps session tokens, and asks again where answers.hpp says so, all within
// the caller's deadline. Used by document_store (the worker) and by memory-api. send() may be called from any
// thread; `done` runs exactly once, on the HTTP client's loop thread, or at once on the caller's where the
// request cannot be sent. Failures carry dependency::memory. The charge of every request and every repetition
// are told to the observer.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "protocol/azure/token_source.hpp"
#include "protocol/cosmos/answers.hpp"
#include "protocol/http/client.hpp"
#include "protocol/io/loop.hpp"

namespace mw::cosmos {

/// Called on any thread; must not block.
struct observer {
  std::function<void(operation op, double request_units)> answered;
  std::function<void(std::string_view cause)> asked_again;  ///< one of retry_causes
};

/// The Entra scope of an account: "https://ACCOUNT.documents.azure.com/.default".
std::string scope_of(std::string_view endpoint);

struct account_options {
  std::string endpoint;  ///< "https://ACCOUNT.documents.azure.com:443/"
  std::string database;
  std::string key;                              ///< base64; empty: Entra
  std::shared_ptr<azure::token_source> tokens;  ///< for Entra
  std::chrono::milliseconds connect_timeout{3'000};
  size_t max_response_bytes = 16u << 20;
  observer told;
  std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now;
  uint64_t seed = 1;  ///< of the jitter
};

struct request {
  operation op = operation::read;
  std::string container;
  std::string user_id;       ///< the partition; not for operation::container
  std::string id;            ///< read, replace, remove
  std::string body;          ///< create, replace, query: JSON
  std::string if_match;      ///< replace, remove
  std::string continuation;  ///< query
};

struct answer {
  int status = 0;  ///< 2xx, 404 (read, replace, remove: no such document), 409, 412
  std::string etag;
  std::string body;
  std::string continuation;  ///< query: not empty, there is more
  bool found() const { return status >= 200 && status < 300; }
};

class account {
 public:
  using deadline = std::chrono::steady_clock::time_point;
  using done_fn = std::function<void(result<answer>)>;

  /// `loop` is the client's. misconfigured: no URL, a key that is no key, neither key nor tokens.
  static result<std::shared_ptr<account>> make(io::loop& loop, http::client& client, account_options options);
  account(const account&) = delete;
  account& operator=(const account&) = delete;

  void send(request what, deadline until, done_fn done);
  /// Once, by the owner, not on the loop's thread, before loop and client go. Requests that wait for their
  /// next try end as `cancelled`, so does every later one; those on the wire end with the HTTP client.
  void close();

 private:
  class impl;
  explicit account(std::shared_ptr<impl> i);
  std::shared_ptr<impl> impl_;
};

}  // namespace mw::cosmos
