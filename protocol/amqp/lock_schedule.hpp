// When which lock is renewed: the pure half of lock renewal. Each lock is due at about half of its remaining
// time, with jitter so that locks taken together spread; what is due soon goes along in one batch. The broker
// is the authority: only its refusal makes a lock lost. A batch in which it found a lost lock is halved until
// the lost one is alone; beside the refusal our clock is believed only where nobody can have renewed the lock
// since. The end of a lock is unknown from its adoption, and from every request without an answer (which may
// have been carried out), until the broker says it; such a lock is due at once. Times are parameters,
// randomness a seed; no I/O. Costs about 100 bytes a lock. Used by receiver_link on its loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <unordered_map>
#include <vector>

#include "protocol/amqp/receiver_link.hpp"

namespace mw::amqp {

class lock_schedule {
 public:
  using time = io::clock::time_point;
  struct limits {
    size_t batch = 500;    ///< tokens in a request
    size_t in_flight = 3;  ///< requests without an answer; looking for lost locks leaves one of them free
  };
  struct batch {
    uint64_t id = 0;
    std::vector<lock_token> tokens;
  };

  lock_schedule(uint64_t seed, limits l) : limits_(l), random_(seed) {}

  /// From now on renewed until forget(). A lock held before under this number is replaced.
  void hold(int64_t sequence_number, const lock_token& token, time locked_until, time now);
  /// The same for a lock whose end is not known; after `latest_end` it cannot live.
  void adopt(int64_t sequence_number, const lock_token& token, time latest_end, time now);
  /// False: was not held.
  bool forget(int64_t sequence_number);
  bool holds(int64_t sequence_number) const { return locks_.contains(sequence_number); }
  size_t size() const { return locks_.size(); }

  /// When take_due() gives something; nullopt: nothing until an answer comes or a lock is added.
  std::optional<time> next_due();
  std::optional<batch> take_due(time now);

  /// The answers to a batch. `locked_until` has an end for each of the batch's tokens.
  void renewed(uint64_t id, const std::vector<time>& locked_until, time now);
  /// The broker says that one or more of these locks are lost. Returns those known to be lost, which are
  /// forgotten; the others are asked again in smaller batches.
  std::vector<int64_t> refused(uint64_t id, time now);
  /// The broker did not renew them, and said nothing about the locks: tried again shortly, after `at_least`
  /// where the locks live that long.
  void failed(uint64_t id, time now, io::clock::duration at_least = {});
  /// No answer in time: the broker may have renewed them or not.
  void unanswered(uint64_t id, time now, io::clock::duration at_least = {});

 private:
  struct entry {
    lock_token token{};
    time end{};  ///< where `known`, else the latest possible
    time due{};
    uint32_t batch = 0;  ///< the batch it is in, 0 none
    bool known = false;
  };
  struct due_item {
    time due;
    int64_t sequence_number;
    bool operator>(const due_item& o) const { return due > o.due; }
  };
  void schedule(int64_t sequence_number, entry& e, time due);
  time renewal_time(time locked_until, time now);
  void drop_stale();
  bool current(const due_item& item) const;
  batch open_batch(std::vector<int64_t> members);
  /// Takes out what is settled, or replaced by a redelivery, since it was put into batch `id`.
  void drop_foreign(std::vector<int64_t>& members, uint64_t id) const;
  std::vector<int64_t> close_batch(uint64_t id, bool& complete);
  std::vector<int64_t> take_from_flight(uint64_t id);
  bool may_ask_again() const;
  void collect_due(time now, std::vector<int64_t>& members);

  limits limits_;
  std::mt19937_64 random_;
  std::unordered_map<int64_t, entry> locks_;
  std::vector<due_item> heap_;  ///< earliest first; items whose lock was settled or moved are stale
  std::deque<std::pair<uint64_t, std::vector<int64_t>>> again_;  ///< with the batch they were in
  std::map<uint64_t, std::vector<int64_t>> in_flight_;
  std::set<uint64_t> asked_again_;  ///< of these, from again_
  uint32_t next_batch_ = 1;
};

}  // namespace mw::amqp
