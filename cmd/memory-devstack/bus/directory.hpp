// The entities of the bus and their addresses. A destination is what one sends to (a topic or a queue): it
// copies a message into each of its outlets and holds scheduled messages back until they are due. Addresses
// are compared without case; a leading "/" and any "scheme://authority/" are ignored. Pure like entity.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/memory-devstack/bus/entity.hpp"

namespace mw::devstack {

class destination {
 public:
  explicit destination(std::string name) : name_(std::move(name)) {}
  /// Delivers at once, or at x-opt-scheduled-enqueue-time when that is in the future.
  void publish(const content_ptr& what, wall_ms now);
  /// Holds the message until its scheduled time (delivers at the next advance() if that is past); returns its
  /// number.
  int64_t schedule(content_ptr what);
  /// False when there is no such message any more.
  bool cancel(int64_t sequence);
  std::optional<wall_ms> next_deadline() const;
  void advance(wall_ms now);

  const std::string& name() const { return name_; }
  size_t scheduled_count() const { return scheduled_.size(); }
  void add_outlet(entity& e) { outlets_.push_back(&e); }

 private:
  std::string name_;
  std::vector<entity*> outlets_;
  int64_t next_sequence_ = 1;
  std::map<int64_t, content_ptr> scheduled_;
  std::set<std::pair<wall_ms, int64_t>> due_;
};

/// What an address stands for; all null: no such thing.
struct found_node {
  destination* to = nullptr;
  entity* from = nullptr;
  bool management = false;
};

class directory {
 public:
  explicit directory(entity_settings settings) : settings_(settings) {}
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;

  void add_topic(const std::string& name, const std::vector<std::string>& subscriptions);
  void add_queue(const std::string& name);
  found_node find(std::string_view address);

  void advance(wall_ms now);
  std::optional<wall_ms> next_deadline() const;

  entity_settings& settings() { return settings_; }
  std::deque<entity>& entities() { return entities_; }
  std::deque<destination>& destinations() { return destinations_; }

 private:
  void add_receivable(destination& to, const std::string& path);
  entity_settings settings_;
  std::deque<entity> entities_;  // deques: addresses of elements stay
  std::deque<destination> destinations_;
  std::map<std::string, entity*, std::less<>> by_path_;
  std::map<std::string, destination*, std::less<>> by_name_;
};

/// "amqp://host/Topic/Subscriptions/S" and "/Topic/..." become "topic/subscriptions/s".
std::string normal_address(std::string_view address);

}  // namespace mw::devstack
