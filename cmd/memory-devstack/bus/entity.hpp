// One queue of messages: a subscription, a queue, or the dead-letter queue of either. Holds the rules of
// peek-lock: delivery counts, lock expiry, maximum delivery count, deferral, dead-lettering. Pure model: no
// thread, no clock, no socket; time (ms since the Unix epoch) and lock tokens are parameters, and every
// operation is at most O(log n). The bus calls it from its loop; `on_ready` tells it that something became
// deliverable. A settlement whose lock is not held (expired, unknown, already settled) is refused.
#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cmd/memory-devstack/bus/content.hpp"

namespace mw::devstack {

struct entity_settings {
  wall_ms lock_ms = 30'000;
  uint32_t max_delivery_count = 10;
  bool released_counts = false;  ///< `released` costs a delivery count, as an unfriendly service might do
};

struct message {
  content_ptr what;
  wall_ms enqueued = 0;
  wall_ms locked_until = 0;  ///< 0: not locked
  amqp::uuid token{};        ///< meaningful while locked
  uint32_t delivery_count = 0;
  bool deferred = false;
};

/// Since the start of the bus.
struct entity_totals {
  uint64_t enqueued = 0, delivered = 0, completed = 0, abandoned = 0, released = 0, deferred = 0;
  uint64_t dead_lettered = 0, renewed = 0, lock_expired = 0, lock_lost = 0, ttl_expired = 0;
};

class entity {
 public:
  using numbered = std::pair<const int64_t, message>;  ///< sequence number and message

  /// `settings` outlives the entity and may change; `dead_letters` is null in a dead-letter queue.
  entity(std::string path, const entity_settings& settings, entity* dead_letters,
         std::string dead_letter_source)
      : path_(std::move(path)),
        source_(std::move(dead_letter_source)),
        settings_(settings),
        dead_letters_(dead_letters) {}
  entity(const entity&) = delete;
  entity& operator=(const entity&) = delete;

  /// Returns the sequence number: from 1, rising.
  int64_t enqueue(content_ptr what, wall_ms now);

  bool has_ready() const { return !ready_.empty(); }
  /// Locks the first deliverable message under `token`; null when there is none. Valid until it is settled.
  const numbered* take_locked(wall_ms now, const amqp::uuid& token);
  /// Removes and returns the first deliverable message (receive and delete).
  std::optional<std::pair<int64_t, message>> take_and_delete(wall_ms now);
  /// Locks a deferred message by its number; null when it is not there, not deferred, or locked.
  const numbered* take_deferred(int64_t sequence, wall_ms now, const amqp::uuid& token);

  bool lock_held(const amqp::uuid& token, wall_ms now) const;
  /// All return false when the lock is lost; the message is then not touched.
  bool complete(const amqp::uuid& token, wall_ms now);
  bool abandon(const amqp::uuid& token, wall_ms now, std::span<const property> changes = {});
  bool defer(const amqp::uuid& token, wall_ms now, std::span<const property> changes = {});
  /// `changes` holds the reason, the description and what else the client says.
  bool dead_letter(const amqp::uuid& token, wall_ms now, std::span<const property> changes);
  bool release(const amqp::uuid& token, wall_ms now);
  /// The new end of the lock; nullopt when it is lost.
  std::optional<wall_ms> renew(const amqp::uuid& token, wall_ms now);

  /// Ends the first locks (by sequence number) before their time: a failed delivery each. Returns how many.
  size_t lose_locks(size_t most);

  /// When advance() has something to do next; nullopt: nothing is locked.
  std::optional<wall_ms> next_deadline() const;
  /// Ends the locks that expired: a failed delivery each.
  void advance(wall_ms now);

  /// All messages in order of their numbers, whatever their state.
  const std::map<int64_t, message>& messages() const { return messages_; }
  stamp stamp_of(const numbered& m) const;
  const std::string& path() const { return path_; }
  entity* dead_letters() const { return dead_letters_; }
  size_t ready_count() const { return ready_.size(); }
  size_t locked_count() const { return locks_.size(); }
  size_t deferred_count() const { return deferred_; }
  const entity_totals& totals() const { return totals_; }

  std::function<void()> on_ready;

 private:
  using iterator = std::map<int64_t, message>::iterator;
  struct token_hash {
    size_t operator()(const amqp::uuid& id) const {
      size_t h = 0;
      std::memcpy(&h, id.data(), sizeof h);  // tokens are random: any bytes of them are a good hash
      return h;
    }
  };

  iterator find_lock(const amqp::uuid& token, wall_ms now);
  void lock(iterator it, wall_ms now, const amqp::uuid& token);
  void unlock(iterator it);
  void make_ready(int64_t sequence);
  void erase(iterator it);
  void count_failure(iterator it);
  void move_to_dead_letters(iterator it, std::span<const property> changes);
  iterator first_ready(wall_ms now);

  std::string path_;
  std::string source_;
  const entity_settings& settings_;
  entity* dead_letters_;
  int64_t next_sequence_ = 1;
  size_t deferred_ = 0;
  std::map<int64_t, message> messages_;
  std::set<int64_t> ready_;  // abandoned messages return to their old place
  std::unordered_map<amqp::uuid, int64_t, token_hash> locks_;
  std::set<std::pair<wall_ms, int64_t>> expiries_;  // one entry a lock
  entity_totals totals_;
};

}  // namespace mw::devstack
