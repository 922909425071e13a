#include "protocol/amqp/lock_schedule.hpp"

#include <algorithm>
#include <functional>

namespace mw::amqp {
namespace {

using namespace std::chrono_literals;

constexpr double earliest = 0.40;  // of the remaining time
constexpr double latest = 0.60;
constexpr int ride_along = 8;  // a batch takes what is due within an eighth of the first one's remaining time
constexpr auto shortest_pause = 250ms;
constexpr auto longest_pause = 4s;
constexpr auto unknown_pause = 1s;  // of a lock that may end any moment

}  // namespace

lock_schedule::time lock_schedule::renewal_time(time locked_until, time now) {
  const auto remaining = std::max(locked_until - now, io::clock::duration::zero());
  std::uniform_real_distribution<double> share{earliest, latest};
  return now + std::chrono::duration_cast<io::clock::duration>(remaining * share(random_));
}

void lock_schedule::schedule(int64_t sequence_number, entry& e, time due) {
  e.batch = 0;
  e.due = due;
  // Settled locks leave their item behind; at high throughput these would outnumber the locks by far.
  if (heap_.size() > 2 * locks_.size() + 64) {
    std::erase_if(heap_, [this](const due_item& item) { return !current(item); });
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>{});
  }
  heap_.push_back({due, sequence_number});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
}

void lock_schedule::hold(int64_t sequence_number, const lock_token& token, time locked_until, time now) {
  entry& e = locks_[sequence_number];
  e.token = token;
  e.end = locked_until;
  e.known = true;
  schedule(sequence_number, e, renewal_time(locked_until, now));
}

void lock_schedule::adopt(int64_t sequence_number, const lock_token& token, time latest_end, time now) {
  entry& e = locks_[sequence_number];
  e.token = token;
  e.end = latest_end;
  e.known = false;
  schedule(sequence_number, e, now);
}

bool lock_schedule::forget(int64_t sequence_number) {
  return locks_.erase(sequence_number) > 0;
}

bool lock_schedule::current(const due_item& item) const {
  const auto it = locks_.find(item.sequence_number);
  return it != locks_.end() && it->second.batch == 0 && it->second.due == item.due;
}

void lock_schedule::drop_stale() {
  while (!heap_.empty() && !current(heap_.front())) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
    heap_.pop_back();
  }
}

// Where thousands have lapsed, finding them one by one must not keep the others from being renewed.
bool lock_schedule::may_ask_again() const {
  return asked_again_.size() < std::max<size_t>(1, limits_.in_flight - 1);
}

std::optional<lock_schedule::time> lock_schedule::next_due() {
  if (in_flight_.size() >= limits_.in_flight) return std::nullopt;
  if (!again_.empty() && may_ask_again()) return time::min();
  drop_stale();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

void lock_schedule::collect_due(time now, std::vector<int64_t>& members) {
  drop_stale();
  if (heap_.empty() || heap_.front().due > now) return;
  const entry& first = locks_.at(heap_.front().sequence_number);
  const auto remaining = first.known ? first.end - now : io::clock::duration::zero();
  const time until = now + std::max<io::clock::duration>(remaining / ride_along, shortest_pause);
  while (members.size() < limits_.batch) {
    drop_stale();
    if (heap_.empty() || heap_.front().due > until) return;
    const int64_t sequence_number = heap_.front().sequence_number;
    locks_.at(sequence_number).batch = next_batch_;
    members.push_back(sequence_number);
  }
}

lock_schedule::batch lock_schedule::open_batch(std::vector<int64_t> members) {
  batch b;
  b.id = next_batch_++;
  if (next_batch_ == 0) next_batch_ = 1;
  b.tokens.reserve(members.size());
  for (const int64_t sequence_number : members) {
    entry& e = locks_.at(sequence_number);
    e.batch = static_cast<uint32_t>(b.id);
    b.tokens.push_back(e.token);
  }
  in_flight_.emplace(b.id, std::move(members));
  return b;
}

std::optional<lock_schedule::batch> lock_schedule::take_due(time now) {
  if (in_flight_.size() >= limits_.in_flight) return std::nullopt;
  while (!again_.empty() && may_ask_again()) {
    auto [asked_in, members] = std::move(again_.front());
    again_.pop_front();
    // Settled, or replaced by a redelivery, since the broker was asked.
    drop_foreign(members, asked_in);
    if (members.empty()) continue;
    auto again = open_batch(std::move(members));
    asked_again_.insert(again.id);
    return again;
  }
  std::vector<int64_t> members;
  collect_due(now, members);
  if (members.empty()) return std::nullopt;
  return open_batch(std::move(members));
}

void lock_schedule::drop_foreign(std::vector<int64_t>& members, uint64_t id) const {
  std::erase_if(members, [&](int64_t n) {
    const auto lock = locks_.find(n);
    return lock == locks_.end() || lock->second.batch != id;
  });
}

std::vector<int64_t> lock_schedule::take_from_flight(uint64_t id) {
  auto members = in_flight_.extract(id);
  asked_again_.erase(id);
  return members ? std::move(members.mapped()) : std::vector<int64_t>{};
}

std::vector<int64_t> lock_schedule::close_batch(uint64_t id, bool& complete) {
  auto members = take_from_flight(id);
  const size_t asked = members.size();
  drop_foreign(members, id);
  complete = members.size() == asked;
  return members;
}

void lock_schedule::renewed(uint64_t id, const std::vector<time>& locked_until, time now) {
  const auto members = take_from_flight(id);
  for (size_t i = 0; i < members.size() && i < locked_until.size(); ++i) {
    const auto lock = locks_.find(members[i]);
    if (lock == locks_.end() || lock->second.batch != id) continue;
    lock->second.end = locked_until[i];
    lock->second.known = true;
    schedule(members[i], lock->second, renewal_time(locked_until[i], now));
  }
}

std::vector<int64_t> lock_schedule::refused(uint64_t id, time now) {
  bool complete = true;
  auto members = close_batch(id, complete);
  std::vector<int64_t> lost;
  if (members.empty()) return lost;
  if (!complete) {
    // The lost one may well be the one that was settled while the request was under way.
    again_.emplace_back(id, std::move(members));
    return lost;
  }
  if (members.size() == 1) {
    lost = members;
  } else {
    // Where our own clock says so too, nothing is asked: after a long outage thousands have lapsed.
    for (const int64_t n : members)
      if (locks_.at(n).end <= now) lost.push_back(n);
  }
  for (const int64_t n : lost) locks_.erase(n);
  std::erase_if(members, [this](int64_t n) { return !locks_.contains(n); });
  if (members.empty()) return lost;
  if (!lost.empty()) {
    again_.emplace_back(id, std::move(members));
    return lost;
  }
  const auto middle = members.begin() + static_cast<std::ptrdiff_t>(members.size() / 2);
  again_.emplace_back(id, std::vector<int64_t>{members.begin(), middle});
  again_.emplace_back(id, std::vector<int64_t>{middle, members.end()});
  return lost;
}

void lock_schedule::failed(uint64_t id, time now, io::clock::duration at_least) {
  bool complete = true;
  for (const int64_t n : close_batch(id, complete)) {
    entry& e = locks_.at(n);
    const auto remaining = e.end - now;
    if (!e.known) {
      schedule(n, e, now + std::max<io::clock::duration>(unknown_pause, at_least));
    } else if (remaining <= io::clock::duration::zero()) {
      schedule(n, e, now + std::max<io::clock::duration>(longest_pause, at_least));
    } else {
      const auto pause = std::clamp<io::clock::duration>(remaining / 4, shortest_pause, longest_pause);
      schedule(n, e, now + std::max(pause, std::min<io::clock::duration>(at_least, remaining / 2)));
    }
  }
}

void lock_schedule::unanswered(uint64_t id, time now, io::clock::duration at_least) {
  bool complete = true;
  for (const int64_t n : close_batch(id, complete)) {
    entry& e = locks_.at(n);
    e.known = false;
    e.end = time::max();  // the request may be on its way still
    schedule(n, e, now + std::max<io::clock::duration>(shortest_pause, at_least));
  }
}

}  // namespace mw::amqp
