// Where Entra access tokens come from, as everything that signs in with them sees it (bus, Redis, LLM, Cosmos
// DB, Application Insights). Implemented by the credential chain; tests bring their own. Thread-safe. Tokens
// are cached per scope and refreshed ahead of expiry in the background: in a running worker get() answers
// from the cache.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "protocol/base/errors.hpp"

namespace mw::azure {

struct access_token {
  std::string value;
  std::chrono::system_clock::time_point expires;
  std::string object_id;  ///< `oid` claim of the token; empty where it has none or is opaque
};

class token_source {
 public:
  virtual ~token_source() = default;
  /// `done` runs exactly once: on the caller's thread, before get() returns, where a valid token is cached;
  /// else later on the loop thread, within the implementation's finite time-out. All waiters of one scope
  /// share one request. Errors: unauthorized, forbidden (detail names every link of the chain and why it
  /// failed), unreachable, timed_out, throttled, misconfigured; `from` is dependency::none, the caller puts
  /// its own.
  virtual void get(const std::string& scope, std::function<void(result<access_token>)> done) = 0;
  /// A peer refused `token` as expired or unauthorised: the next get() fetches anew, unless a newer token is
  /// cached already. At most one such fetch a minute per scope.
  virtual void refused(const std::string& scope, const std::string& token) = 0;
};

}  // namespace mw::azure
