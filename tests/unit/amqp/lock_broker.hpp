// A broker for the tests of lock_schedule: answers a renewal at once and knows which locks are lost. Locks
// are known by number: their tokens are made from it.
#pragma once

#include <algorithm>
#include <chrono>
#include <set>
#include <vector>

#include "protocol/amqp/lock_schedule.hpp"

namespace mw::amqp::test {

inline lock_token token_of(int64_t n) {
  lock_token t{};
  for (size_t i = 0; i < 8; ++i) t[i] = static_cast<uint8_t>(n >> (8 * i));
  return t;
}

inline int64_t number_of(const lock_token& t) {
  int64_t n = 0;
  for (size_t i = 8; i-- > 0;) n = n << 8 | t[i];
  return n;
}

/// A broker that answers at once and knows which locks are lost.
struct lock_broker {
  lock_schedule& locks;
  std::set<int64_t> gone;
  std::vector<int64_t> reported;
  size_t requests = 0;
  size_t renewals = 0;
  size_t largest = 0;
  io::clock::duration life = std::chrono::seconds{60};  // of a renewed lock

  void answer(const lock_schedule::batch& b, lock_schedule::time now) {
    ++requests;
    largest = std::max(largest, b.tokens.size());
    const bool refused = std::any_of(b.tokens.begin(), b.tokens.end(),
                                     [&](const auto& t) { return gone.contains(number_of(t)); });
    if (refused) {
      for (const int64_t n : locks.refused(b.id, now)) reported.push_back(n);
    } else {
      renewals += b.tokens.size();
      locks.renewed(b.id, std::vector<lock_schedule::time>(b.tokens.size(), now + life), now);
    }
  }
  /// Everything that is due.
  void answer_all(lock_schedule::time now) {
    while (const auto b = locks.take_due(now)) answer(*b, now);
  }
  /// Runs until `end`; returns the most requests made in one second.
  size_t run(lock_schedule::time from, lock_schedule::time end) {
    size_t busiest = 0;
    for (auto now = from; now < end; now += std::chrono::seconds{1}) {
      const size_t before = requests;
      answer_all(now);
      busiest = std::max(busiest, requests - before);
    }
    return busiest;
  }
};

}  // namespace mw::amqp::test
