#include "protocol/cosmos/recent_reads.hpp"

namespace mw::cosmos {
namespace {

/// Ids hold no control characters: the two cannot run into each other.
std::string key_of(const std::string& user_id, const std::string& session_id) {
  std::string key = user_id;
  key.append(1, '\n').append(session_id);
  return key;
}

size_t size_of(const std::vector<std::string>& texts) {
  size_t n = texts.size() * sizeof(std::string);
  for (const auto& t : texts) n += t.size();
  return n;
}

/// Near enough for a bound.
size_t size_of(const stored_pair& pair) {
  size_t n = sizeof pair;
  if (const auto& r = pair.conversation)
    n += r->summary.size() + size_of(r->themes) + size_of(r->persons) + size_of(r->places) +
         r->embedding.size() * sizeof(float) + r->skipped.size() * 300;
  if (const auto& p = pair.user) {
    for (const auto& list : p->lists) n += size_of(list);
    n += p->applied.size() * 300 + p->origins.size() * 400 + p->last_operations.size() * 800 +
         p->forgotten.size() * 150;
  }
  return n;
}

}  // namespace

void recent_reads::erase(entries::iterator at) {
  bytes_ -= at->bytes;
  by_key_.erase(at->key);
  entries_.erase(at);
}

void recent_reads::put(const std::string& user_id, const std::string& session_id, stored_pair pair) {
  const size_t bytes = size_of(pair);
  if (bytes > max_bytes / 4) return;
  std::string key = key_of(user_id, session_id);
  const std::lock_guard lock{mutex_};
  if (const auto known = by_key_.find(key); known != by_key_.end()) erase(known->second);
  entries_.push_back({key, std::move(pair), bytes});
  by_key_.emplace(std::move(key), std::prev(entries_.end()));
  bytes_ += bytes;
  while (entries_.size() > max_entries || bytes_ > max_bytes) erase(entries_.begin());
}

std::optional<stored_pair> recent_reads::take(const std::string& user_id, const std::string& session_id) {
  const std::lock_guard lock{mutex_};
  const auto known = by_key_.find(key_of(user_id, session_id));
  if (known == by_key_.end()) return std::nullopt;
  auto pair = std::move(known->second->pair);
  erase(known->second);
  return pair;
}

size_t recent_reads::bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

}  // namespace mw::cosmos
