// The outside world as the actors see it, so that tests bring their own: one bus connection, one Redis
// connection, the LLM, the memory store. The live ones are made in live_ports.cpp from protocol/. Callbacks
// come on an I/O thread; actors answer them only by sending themselves a message through a weak address.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "protocol/amqp/receiver_link.hpp"
#include "protocol/llm/analyst.hpp"
#include "protocol/memory/store.hpp"

namespace mw {

/// One connection to the subscription; see amqp::receiver_link for the contract.
class bus_port {
 public:
  virtual ~bus_port() = default;
  virtual void start() = 0;
  virtual void add_credit(uint32_t n) = 0;
  virtual void drain() = 0;
  virtual void settle(int64_t sequence_number, amqp::outcome o) = 0;
  virtual void adopt(std::vector<amqp::held_lock> locks) = 0;
  virtual void give_up(int64_t sequence_number) = 0;
  virtual amqp::link_counters counters() const = 0;
};

struct session_texts {
  std::string conversation;
  std::string saved_answer;  ///< empty: none
};

/// One Redis connection. Every call answers exactly once, within the command time-out.
class session_port {
 public:
  virtual ~session_port() = default;
  /// Asks the size, then `admit(bytes, go)`; reads once `go` is called (from any thread).
  virtual void fetch(const std::string& session_id, const std::string& answer_key,
                     std::function<void(uint64_t bytes, std::function<void()> go)> admit,
                     std::function<void(result<session_texts>)> done) = 0;
  virtual void save_answer(const std::string& key, const std::string& value,
                           std::function<void(status)> done) = 0;
  virtual void drop_answer(const std::string& key) = 0;
  virtual void count_failure(int64_t sequence_number, std::function<void(result<uint32_t>)> done) = 0;
  /// So that of several replicas one pays for the LLM. False only where another process holds it; a Redis
  /// that refuses leases gives them to everybody (correctness does not rest on them). Called before the fetch
  /// it belongs to, it travels with it.
  virtual void lease(const std::string&, std::function<void(bool ours)> done) { done(true); }
  virtual void renew_lease(const std::string&) {}
  virtual void release_lease(const std::string&) {}
};

/// Where the loader's present Redis connection can be found by the writer. Thread-safe.
class session_slot {
 public:
  void set(std::shared_ptr<session_port> port) {
    const std::lock_guard lock{mutex_};
    port_ = std::move(port);
  }
  std::shared_ptr<session_port> get() const {
    const std::lock_guard lock{mutex_};
    return port_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<session_port> port_;
};

struct ports {
  std::function<std::unique_ptr<bus_port>(amqp::listener)> make_bus;
  /// `ready` gets Redis's run id; `closed` at most once.
  std::function<std::shared_ptr<session_port>(std::function<void(std::string)> ready,
                                              std::function<void(failure)> closed)>
      make_session;
  std::function<void(std::shared_ptr<const llm::analysis_input>, const llm::call_limits&,
                     std::function<void(llm::answer)>)>
      analyse;
  std::function<void(std::function<void(llm::probe_answer)>)> probe_llm;
  /// Empty: summaries are not embedded. On the I/O thread only.
  std::function<void(std::string text, std::function<void(llm::embedding)>)> embed;
  memory::store* store = nullptr;
};

}  // namespace mw
