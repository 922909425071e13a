// The development bus: listens, owns entities and connections, hands messages to links that have credit, ends
// locks in time, and applies faults. Everything runs on one loop; every entry from outside (socket, timer,
// admin request) goes through step(), which afterwards pumps and flushes until nothing is left to do.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "cmd/memory-devstack/bus/connection.hpp"
#include "cmd/memory-devstack/bus/directory.hpp"
#include "cmd/memory-devstack/bus/options.hpp"
#include "protocol/io/loop.hpp"

namespace mw::devstack {

/// A receivable entity and the links that receive from it.
struct outlet {
  entity* source = nullptr;
  std::vector<bus_link*> links;
  size_t turn = 0;  ///< whose turn it is: round robin over the links
  bool dirty = false;
};

/// What to do wrong next; counts go down as they are used.
struct faults {
  uint32_t cbs = 0;
  int cbs_status = 401;
  uint32_t dispositions = 0;
  std::string disposition_condition;
  uint32_t management = 0;
  int management_status = 500;
  std::string management_condition;
  std::string management_operation;  ///< only these requests; empty: any
  uint32_t attaches = 0;             ///< of receivers
  std::string attach_condition;
  std::chrono::milliseconds settle_delay{0};  ///< answers to dispositions come so much later
  bool delivering = true;
};

struct bus_counters {
  uint64_t connections = 0;      ///< accepted so far
  uint64_t tokens_accepted = 0;  ///< put-tokens
  uint64_t tokens_refused = 0;
  std::map<std::string, uint64_t> tokens_by_path;  ///< accepted, by what they were put for
  uint64_t links_expired = 0;                      ///< closed because their token's life was over
};

class broker {
 public:
  broker(io::loop& loop, const bus_options& options);
  ~broker();
  broker(const broker&) = delete;
  broker& operator=(const broker&) = delete;

  /// Starts to accept on 127.0.0.1; returns the port.
  result<uint16_t> listen(const bus_options& options);

  void step(const std::function<void()>& fn);

  // For connections, inside a step.
  io::loop& loop() { return loop_; }
  directory& entities() { return entities_; }
  faults& pending_faults() { return faults_; }
  const token_rules& tokens() const { return tokens_; }
  bus_counters& counted() { return counted_; }
  wall_ms now() const;
  amqp::uuid new_token();
  std::string new_message_id();
  outlet& outlet_of(const entity& e) { return *outlets_.at(&e); }
  void mark_dirty(outlet& o);
  /// A later step, unless the connection has gone by then.
  void later(std::chrono::milliseconds delay, connection& c, std::function<void()> fn);
  /// The connection has output, or ended.
  void touch(connection& c);

  // For the admin port, inside a step.
  int drop_connections();
  int close_connections(const std::string& condition, const std::string& description);
  int detach_links(std::string_view which, const entity* only, const std::string& condition,
                   const std::string& description);
  void set_delivering(bool on);
  size_t connection_count() const { return connections_.size(); }
  size_t link_count() const;

 private:
  void accept_all();
  void settle_down();
  void pump(outlet& o);
  bool pump_round(outlet& o);
  void arm_deadline();
  void tick();

  io::loop& loop_;
  token_rules tokens_;
  bus_counters counted_;
  std::shared_ptr<tls_context> tls_;
  directory entities_;
  faults faults_;
  std::unordered_map<const entity*, std::unique_ptr<outlet>> outlets_;
  std::vector<outlet*> dirty_;
  std::unordered_map<connection*, std::unique_ptr<connection>> connections_;
  std::vector<connection*> touched_;
  std::mt19937_64 random_;
  int listener_ = -1;
  io::timer_id deadline_timer_ = 0;
  wall_ms deadline_ = 0;
  io::timer_id tick_timer_ = 0;
  std::map<uint64_t, io::timer_id> later_;
  uint64_t next_later_ = 0;
};

/// A listening non-blocking socket on 127.0.0.1, and its port.
result<std::pair<int, uint16_t>> listen_on_loopback(uint16_t port);

}  // namespace mw::devstack
