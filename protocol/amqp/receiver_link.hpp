// One connection to a Service Bus subscription: TLS/TCP, SASL ANONYMOUS, `$cbs` put-token, peek-lock receiver
// link with rcv-settle-mode second, and the `$management` pair (docs/service-bus.md). The
// connection lives once: when it ends, `closed` is called with the reason and the owner (the receiver actor)
// ends too; no reconnect inside. A link that ends alone (forced, idle, throttled, refused) is attached again
// on the same connection, with the credit that was left; what was received before is settled by token then.
// Locks of everything unsettled are renewed here, batched and spread, until settled or given up. Deliveries
// are known by the broker's sequence number, so that what an earlier connection received can be adopted and
// settled by token. start() .. stop() and every method may be called from any thread; the listener runs on
// the loop thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/amqp/conditions.hpp"
#include "protocol/base/errors.hpp"
#include "protocol/base/request_told.hpp"
#include "protocol/io/loop.hpp"

namespace mw::amqp {

using lock_token = std::array<uint8_t, 16>;  ///< RFC byte order

struct link_options {
  std::string host;
  uint16_t port = 5671;
  bool tls = true;
  std::string ca_file;  ///< empty: the system's
  std::string entity;   ///< topic/Subscriptions/name
  /// Makes the CBS token for an audience (the entity, and its $management node); called on the loop thread,
  /// again when half of the token's life is over. Type is `servicebus.windows.net:sastoken` or
  /// `jwt`. May call back later.
  struct token {
    std::string type;
    std::string value;
    std::chrono::system_clock::time_point expires;
  };
  std::function<void(const std::string& audience, std::function<void(result<token>)>)> token_for;
  /// The broker refused us as unauthorised (put-token, attach, or the end of the link); on the loop thread.
  /// `token_for` is asked once more right after. May be empty.
  std::function<void()> token_refused;
  std::string container_id;
  std::chrono::milliseconds lock_duration{
      60'000};  ///< configured; the header's locked-until only when plausible
  std::chrono::milliseconds operation_timeout{30'000};
  std::chrono::milliseconds idle_timeout{60'000};
  reattach_policy reattach;
  uint64_t seed = 0;  ///< of jitter
  /// Of every settlement, renewal and token that the broker was asked for, and of the connection until it is
  /// ready.
  request_told told;
};

struct incoming {
  int64_t sequence_number = 0;
  uint32_t delivery_count = 0;  ///< failed deliveries so far: 0 on the first
  lock_token token{};
  std::string message_id;
  std::string body;           ///< of the data sections or the string value
  bool body_readable = true;  ///< false: another body type; the event is invalid
  std::string traceparent;    ///< application property, whatever it holds
  std::string diagnostic_id;  ///< the same of Diagnostic-Id, the older name
  int64_t enqueued_ms = 0;    ///< epoch milliseconds, 0 unknown
  io::clock::time_point locked_until{};
};

enum class outcome_kind : uint8_t { complete, abandon, release, dead_letter };
struct outcome {
  outcome_kind kind = outcome_kind::complete;
  std::string reason;       ///< dead_letter: DeadLetterReason
  std::string description;  ///< dead_letter: DeadLetterErrorDescription
};

/// What an earlier connection had received and nobody has settled yet.
struct held_lock {
  int64_t sequence_number = 0;
  lock_token token{};
  /// Nobody can have renewed it beyond this. When it ends before, the broker says.
  io::clock::time_point latest_end = io::clock::time_point::max();
};

struct listener {
  std::function<void()> ready;  ///< link attached for the first time: credit may be granted
  /// The link ended, the connection lives: attached again after the pause, then `back`. Locks are kept
  /// meanwhile, credit that was left is granted again by itself.
  std::function<void(failure, std::chrono::milliseconds pause)> away;
  std::function<void()> back;
  std::function<void(incoming)> delivery;
  /// The broker's answer to settle(), one for each call made before `closed`, or not_released: ok; lock_lost
  /// (it is back in the queue or gone, or is not held here); conflict (an earlier settlement of it is still
  /// under way, which gets its own answer); connection_lost, timed_out or another failure: nobody knows, it
  /// may be tried again.
  std::function<void(int64_t sequence_number, status)> settled;
  /// In place of that: `release` exists on the link that received it only. It is held and renewed as before.
  std::function<void(int64_t sequence_number)> not_released;
  /// The broker says that a held lock is gone; it is forgotten. Not for one being settled.
  std::function<void(int64_t sequence_number)> lock_lost;
  std::function<void()> drained;
  std::function<void(failure)> closed;  ///< at most once, last
};

struct link_counters {
  uint64_t renewed = 0;
  uint64_t renew_requests = 0;
  uint64_t locks_lost = 0;
  uint64_t settled = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

class receiver_link {
 public:
  receiver_link(io::loop& loop, link_options options, listener l);
  ~receiver_link();  ///< closes; no callback follows
  receiver_link(const receiver_link&) = delete;
  receiver_link& operator=(const receiver_link&) = delete;

  void start();
  /// Before `ready` or during a drain: counts from then on.
  void add_credit(uint32_t n);
  /// Credit to zero; `drained` follows each call, at the latest after the operation time-out.
  void drain();
  /// Reason and description are cut to 4096 bytes. By token after a refusal that was no lost lock.
  void settle(int64_t sequence_number, outcome o);
  /// Renew and settle by lock token (through `$management`) what another connection received. `release` has
  /// no such form: it is answered by not_released. May be called before start().
  void adopt(std::vector<held_lock> locks);
  /// Stop renewing: the lock is left to lapse, settle() does not know it any more.
  void give_up(int64_t sequence_number);
  struct peeked {
    int64_t sequence_number = 0;
    std::string message_id;
    std::string encoded;  ///< the whole AMQP message
  };
  /// Looks at up to `count` messages from that sequence number on, whatever their state, without taking any;
  /// once ready. `done` is called on the loop thread, and may not be at all after the link has ended.
  void peek(int64_t from, uint32_t count, std::function<void(result<std::vector<peeked>>)> done);
  link_counters counters() const;

 private:
  class impl;
  std::shared_ptr<impl> impl_;
};

}  // namespace mw::amqp
