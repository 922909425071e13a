#include "cmd/memory-devstack/bus/directory.hpp"

#include <algorithm>

namespace mw::devstack {
namespace {

constexpr std::string_view management_suffix = "/$management";

void earliest(std::optional<wall_ms>& best, std::optional<wall_ms> candidate) {
  if (candidate && (!best || *candidate < *best)) best = candidate;
}

}  // namespace

std::string normal_address(std::string_view address) {
  if (const size_t scheme = address.find("://"); scheme != std::string_view::npos) {
    const size_t path = address.find('/', scheme + 3);
    address = path == std::string_view::npos ? std::string_view{} : address.substr(path);
  }
  while (address.starts_with('/')) address.remove_prefix(1);
  while (address.ends_with('/')) address.remove_suffix(1);
  std::string normal{address};
  std::transform(normal.begin(), normal.end(), normal.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return normal;
}

void destination::publish(const content_ptr& what, wall_ms now) {
  if (what->scheduled > now) {
    schedule(what);
    return;
  }
  for (entity* outlet : outlets_) outlet->enqueue(what, now);
}

int64_t destination::schedule(content_ptr what) {
  const int64_t sequence = next_sequence_++;
  due_.emplace(what->scheduled, sequence);
  scheduled_.emplace(sequence, std::move(what));
  return sequence;
}

bool destination::cancel(int64_t sequence) {
  const auto it = scheduled_.find(sequence);
  if (it == scheduled_.end()) return false;
  due_.erase({it->second->scheduled, sequence});
  scheduled_.erase(it);
  return true;
}

std::optional<wall_ms> destination::next_deadline() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

void destination::advance(wall_ms now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto it = scheduled_.find(due_.begin()->second);
    const content_ptr what = std::move(it->second);
    scheduled_.erase(it);
    due_.erase(due_.begin());
    for (entity* outlet : outlets_) outlet->enqueue(what, now);
  }
}

void directory::add_receivable(destination& to, const std::string& path) {
  const std::string dead_path = path + "/$DeadLetterQueue";
  entity& dead = entities_.emplace_back(dead_path, settings_, nullptr, path);
  entity& live = entities_.emplace_back(path, settings_, &dead, std::string{});
  by_path_[normal_address(dead_path)] = &dead;
  by_path_[normal_address(path)] = &live;
  to.add_outlet(live);
}

void directory::add_topic(const std::string& name, const std::vector<std::string>& subscriptions) {
  destination& to = destinations_.emplace_back(name);
  by_name_[normal_address(name)] = &to;
  const std::string prefix = name + "/Subscriptions/";
  for (const auto& s : subscriptions) add_receivable(to, prefix + s);
}

void directory::add_queue(const std::string& name) {
  destination& to = destinations_.emplace_back(name);
  by_name_[normal_address(name)] = &to;
  add_receivable(to, name);
}

found_node directory::find(std::string_view address) {
  const std::string normal = normal_address(address);
  std::string_view path = normal;
  found_node node;
  if (path.ends_with(management_suffix)) {
    node.management = true;
    path.remove_suffix(management_suffix.size());
  }
  if (const auto it = by_path_.find(path); it != by_path_.end()) node.from = it->second;
  if (const auto it = by_name_.find(path); it != by_name_.end()) node.to = it->second;
  return node;
}

void directory::advance(wall_ms now) {
  for (auto& e : entities_) e.advance(now);
  for (auto& d : destinations_) d.advance(now);
}

std::optional<wall_ms> directory::next_deadline() const {
  std::optional<wall_ms> best;
  for (const auto& e : entities_) earliest(best, e.next_deadline());
  for (const auto& d : destinations_) earliest(best, d.next_deadline());
  return best;
}

}  // namespace mw::devstack
