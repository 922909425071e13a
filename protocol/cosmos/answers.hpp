// What an answer of Cosmos DB means: take it, ask again after a while, ask again with a new token, or give up
// with a failure in words. Pure, for account.cpp, which sends; time and chance are parameters. 429, 449, a
// read that met a replica behind our session token (404/1002) and a read that met an ill replica (408, 410,
// 500, 503) are asked again a bounded number of times; a write is asked again only where the answer says that
// it did not happen.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"
#include "protocol/http/client.hpp"

namespace mw::cosmos {

enum class operation : uint8_t { read, create, replace, remove, query, container };
std::string_view to_string(operation op);
inline bool is_write(operation op) {
  return op == operation::create || op == operation::replace || op == operation::remove;
}

/// `x-ms-substatus`, 0 where absent.
int substatus_of(const http::response& r);
/// `x-ms-request-charge` in request units, 0 where absent.
double charge_of(const http::response& r);
/// `x-ms-retry-after-ms`, else what retry_after() finds.
std::chrono::milliseconds wait_of(const http::response& r);

struct question {
  operation op = operation::read;
  unsigned tries = 1;  ///< requests sent so far
  bool entra = false;
  bool token_renewed = false;        ///< asked again with a new token already
  std::chrono::milliseconds left{};  ///< of the caller's time
  double chance = 0;                 ///< [0, 1), for jitter
};

struct next_step {
  enum kind_t : uint8_t { take, again, renew_token, give_up };
  kind_t kind = take;
  std::chrono::milliseconds wait{};  ///< before `again`
  std::string_view cause;            ///< of `again` and `renew_token`, a metric's label
};
/// The causes that judge() names.
inline constexpr std::string_view retry_causes[] = {"throttled", "retry-with", "session", "unavailable",
                                                    "token"};

/// `take` covers the answers that callers decide on: 2xx, 404 of a document, 409, 412.
next_step judge(const http::response& r, const question& q);

/// For answers that are not taken. `where` names operation and container; `now` is ours, for the clock check.
failure failure_of(const http::response& r, std::string_view where, bool entra,
                   std::chrono::system_clock::time_point now);

}  // namespace mw::cosmos
