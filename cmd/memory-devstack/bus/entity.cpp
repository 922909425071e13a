#include "cmd/memory-devstack/bus/entity.hpp"

#include <algorithm>
#include <array>

namespace mw::devstack {

int64_t entity::enqueue(content_ptr what, wall_ms now) {
  const int64_t sequence = next_sequence_++;
  message m;
  m.what = std::move(what);
  m.enqueued = now;
  messages_.emplace_hint(messages_.end(), sequence, std::move(m));
  ++totals_.enqueued;
  make_ready(sequence);
  return sequence;
}

void entity::make_ready(int64_t sequence) {
  ready_.insert(ready_.end(), sequence);
  if (on_ready) on_ready();
}

entity::iterator entity::first_ready(wall_ms now) {
  while (!ready_.empty()) {
    const auto it = messages_.find(*ready_.begin());
    const auto ttl = it->second.what->ttl_ms;
    // Nothing expires in a dead-letter queue.
    if (!ttl || dead_letters_ == nullptr || it->second.enqueued + static_cast<wall_ms>(*ttl) > now) return it;
    ++totals_.ttl_expired;
    erase(it);
  }
  return messages_.end();
}

void entity::erase(iterator it) {
  ready_.erase(it->first);
  if (it->second.deferred) --deferred_;
  messages_.erase(it);
}

void entity::lock(iterator it, wall_ms now, const amqp::uuid& token) {
  it->second.token = token;
  it->second.locked_until = now + settings_.lock_ms;
  locks_.emplace(token, it->first);
  expiries_.emplace(it->second.locked_until, it->first);
  ++totals_.delivered;
}

void entity::unlock(iterator it) {
  locks_.erase(it->second.token);
  expiries_.erase({it->second.locked_until, it->first});
  it->second.locked_until = 0;
}

const entity::numbered* entity::take_locked(wall_ms now, const amqp::uuid& token) {
  const auto it = first_ready(now);
  if (it == messages_.end()) return nullptr;
  ready_.erase(ready_.begin());
  lock(it, now, token);
  return &*it;
}

std::optional<std::pair<int64_t, message>> entity::take_and_delete(wall_ms now) {
  const auto it = first_ready(now);
  if (it == messages_.end()) return std::nullopt;
  std::pair<int64_t, message> taken{it->first, std::move(it->second)};
  ready_.erase(ready_.begin());
  messages_.erase(it);
  ++totals_.delivered;
  ++totals_.completed;
  return taken;
}

const entity::numbered* entity::take_deferred(int64_t sequence, wall_ms now, const amqp::uuid& token) {
  const auto it = messages_.find(sequence);
  if (it == messages_.end() || !it->second.deferred || it->second.locked_until != 0) return nullptr;
  lock(it, now, token);
  return &*it;
}

bool entity::lock_held(const amqp::uuid& token, wall_ms now) const {
  const auto lock = locks_.find(token);
  return lock != locks_.end() && messages_.at(lock->second).locked_until > now;
}

entity::iterator entity::find_lock(const amqp::uuid& token, wall_ms now) {
  const auto lock = locks_.find(token);
  if (lock != locks_.end()) {
    const auto it = messages_.find(lock->second);
    if (it->second.locked_until > now) return it;
  }
  ++totals_.lock_lost;
  return messages_.end();
}

bool entity::complete(const amqp::uuid& token, wall_ms now) {
  const auto it = find_lock(token, now);
  if (it == messages_.end()) return false;
  unlock(it);
  erase(it);
  ++totals_.completed;
  return true;
}

bool entity::abandon(const amqp::uuid& token, wall_ms now, std::span<const property> changes) {
  const auto it = find_lock(token, now);
  if (it == messages_.end()) return false;
  if (!changes.empty()) it->second.what = with_properties(*it->second.what, changes);
  ++totals_.abandoned;
  count_failure(it);
  return true;
}

bool entity::defer(const amqp::uuid& token, wall_ms now, std::span<const property> changes) {
  const auto it = find_lock(token, now);
  if (it == messages_.end()) return false;
  if (!changes.empty()) it->second.what = with_properties(*it->second.what, changes);
  unlock(it);
  if (!it->second.deferred) ++deferred_;
  it->second.deferred = true;
  ++totals_.deferred;
  return true;
}

bool entity::dead_letter(const amqp::uuid& token, wall_ms now, std::span<const property> changes) {
  const auto it = find_lock(token, now);
  if (it == messages_.end()) return false;
  if (dead_letters_ == nullptr) {  // already a dead letter: it stays where it is
    count_failure(it);
    return true;
  }
  unlock(it);
  move_to_dead_letters(it, changes);
  return true;
}

bool entity::release(const amqp::uuid& token, wall_ms now) {
  const auto it = find_lock(token, now);
  if (it == messages_.end()) return false;
  ++totals_.released;
  if (settings_.released_counts) {
    count_failure(it);
    return true;
  }
  unlock(it);
  if (!it->second.deferred) make_ready(it->first);
  return true;
}

std::optional<wall_ms> entity::renew(const amqp::uuid& token, wall_ms now) {
  const auto it = find_lock(token, now);
  if (it == messages_.end()) return std::nullopt;
  expiries_.erase({it->second.locked_until, it->first});
  it->second.locked_until = now + settings_.lock_ms;
  expiries_.emplace(it->second.locked_until, it->first);
  ++totals_.renewed;
  return it->second.locked_until;
}

/// Ends a lock that led to nothing; the last allowed failure is a dead letter.
void entity::count_failure(iterator it) {
  unlock(it);
  ++it->second.delivery_count;
  if (dead_letters_ != nullptr && it->second.delivery_count >= settings_.max_delivery_count) {
    const std::array reasons{
        text_property("DeadLetterReason", "MaxDeliveryCountExceeded"),
        text_property("DeadLetterErrorDescription", "Message could not be consumed after " +
                                                        std::to_string(settings_.max_delivery_count) +
                                                        " delivery attempts.")};
    move_to_dead_letters(it, reasons);
  } else if (!it->second.deferred) {
    make_ready(it->first);
  }
}

void entity::move_to_dead_letters(iterator it, std::span<const property> changes) {
  message m = std::move(it->second);
  m.what = with_properties(*m.what, changes);
  if (m.deferred) --deferred_;
  m.deferred = false;
  messages_.erase(it);
  ++totals_.dead_lettered;
  const int64_t sequence = dead_letters_->next_sequence_++;
  dead_letters_->messages_.emplace(sequence, std::move(m));
  ++dead_letters_->totals_.enqueued;
  dead_letters_->make_ready(sequence);
}

std::optional<wall_ms> entity::next_deadline() const {
  if (expiries_.empty()) return std::nullopt;
  return expiries_.begin()->first;
}

size_t entity::lose_locks(size_t most) {
  std::vector<int64_t> locked;
  for (const auto& [token, sequence] : locks_) locked.push_back(sequence);
  std::sort(locked.begin(), locked.end());
  locked.resize(std::min(most, locked.size()));
  for (const int64_t sequence : locked) {
    ++totals_.lock_expired;
    count_failure(messages_.find(sequence));
  }
  return locked.size();
}

void entity::advance(wall_ms now) {
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    ++totals_.lock_expired;
    count_failure(messages_.find(expiries_.begin()->second));
  }
}

stamp entity::stamp_of(const numbered& m) const {
  stamp s;
  s.sequence = m.first;
  s.enqueued = m.second.enqueued;
  s.delivery_count = m.second.delivery_count;
  s.state = m.second.deferred ? 1 : 0;
  s.dead_letter_source = source_;
  if (m.second.locked_until != 0) {
    s.token = &m.second.token;
    s.locked_until = m.second.locked_until;
  }
  return s;
}

}  // namespace mw::devstack
