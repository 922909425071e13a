// The token source of the process: the credential chain behind a cache. A scope's token is refreshed in the
// background at about half its life; a refresh that fails is tried again, with growing pauses, while the old
// token lives. Without a token, attempts after a failure are spaced (1 s up to 15 s, or what the peer asked
// for): a get() in such a pause waits for the next attempt. A waiter is answered after `wait_limit` at the
// latest. Lives are counted by the steady clock, so a wall clock that is wrong or jumps does no harm. The
// loop must outlive it.
#pragma once

#include <map>
#include <mutex>
#include <random>

#include "protocol/azure/chain.hpp"
#include "protocol/azure/token_source.hpp"

namespace mw::azure {

struct identity_options {
  milliseconds wait_limit{30'000};
  uint64_t seed = 1;
  /// A background refresh failed for the first time in a row; the old token still lives. On the loop's
  /// thread.
  std::function<void(const std::string& scope, const failure&)> refresh_failed;
  /// A scope got its first token, or its first after trouble. On the loop's thread.
  std::function<void(const std::string& scope, const std::string& link)> signed_in;
  std::function<io::clock::time_point()> now = [] { return io::clock::now(); };
};

class identity final : public token_source, public std::enable_shared_from_this<identity> {
 public:
  identity(io::loop& loop, std::shared_ptr<credential_chain> chain, identity_options options);
  ~identity() override;
  identity(const identity&) = delete;
  identity& operator=(const identity&) = delete;

  void get(const std::string& scope, std::function<void(result<access_token>)> done) override;
  void refused(const std::string& scope, const std::string& token) override;
  /// Who waits is answered `cancelled`, as is who asks later without a cached token; nothing is fetched any
  /// more. Before the HTTP client of its chain goes: a waiter may be what keeps this object. Any thread.
  void close();
  /// What became of each link at the scope's last attempt; empty before the first. Any thread.
  std::vector<link_report> report(const std::string& scope) const;

 private:
  using time = io::clock::time_point;
  struct cached {
    std::string token;
    std::string object_id;
    time usable_until{};
    time ends{};
    std::optional<time> forced;  ///< when a refusal last made us fetch anew
    std::vector<link_report> links;
  };
  struct waiter {
    std::function<void(result<access_token>)> done;
    io::timer_id limit = 0;
  };
  struct scope_state {
    std::map<uint64_t, waiter> waiting;
    bool fetching = false;
    io::timer_id next = 0;  ///< the fetch that is planned
    unsigned failures = 0;  ///< in a row
    std::optional<failure> last;
    time not_before{};
    bool signed_in = false;
  };

  std::optional<access_token> usable(const std::string& scope) const;
  void wait(const std::string& scope, std::function<void(result<access_token>)> done);
  void give_up_waiting(const std::string& scope, uint64_t id);
  void plan(const std::string& scope, io::clock::duration delay);
  void fetch(const std::string& scope);
  void take(const std::string& scope, chain_answer a);
  void granted(const std::string& scope, grant g, const std::string& link);
  void failed(const std::string& scope, const failure& why);
  void answer_all(scope_state& s, const result<access_token>& r);
  double random() { return std::uniform_real_distribution<double>{0, 1}(random_); }

  io::loop& loop_;
  std::shared_ptr<credential_chain> chain_;
  identity_options options_;
  mutable std::mutex mutex_;
  std::map<std::string, cached> tokens_;  // guarded by mutex_
  // The rest belongs to the loop's thread.
  std::map<std::string, scope_state> scopes_;
  uint64_t next_waiter_ = 1;
  bool closed_ = false;
  std::mt19937_64 random_;
};

}  // namespace mw::azure
