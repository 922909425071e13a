// The real outside world for the actors: Service Bus, Redis, LLM and memory store, all on one I/O loop
// thread. Made once by `run` and `check`. Errors at making are misconfigurations: one line each, naming the
// option and the fix.
#pragma once

#include <memory>

#include "actors/ports.hpp"
#include "cmd/memory-worker/entra.hpp"
#include "cmd/memory-worker/redis_port.hpp"
#include "protocol/azure/roles.hpp"
#include "protocol/azure/sas.hpp"
#include "protocol/azure/token_source.hpp"
#include "protocol/config/settings.hpp"
#include "protocol/http/client.hpp"
#include "protocol/io/loop.hpp"
#include "protocol/llm/embedder.hpp"
#include "protocol/observe/metrics.hpp"
#include "protocol/redis/write_gate.hpp"

namespace mw {

/// A dependency that is signed in to with Entra, for `check`.
struct entra_use {
  azure::service what{};
  std::string scope;
  std::string host;
};

class live_world {
 public:
  /// Not on the loop's thread.
  ~live_world();
  live_world(const live_world&) = delete;
  live_world& operator=(const live_world&) = delete;
  /// `metrics`, if given, outlives this object and counts the requests, and what the memory store costs.
  static result<std::unique_ptr<live_world>> make(const config::settings& s,
                                                  observe::metrics* metrics = nullptr);
  /// Valid as long as this object. Connections made through it must be gone before it.
  ports outside();
  io::loop& loop() { return loop_.get(); }
  azure::identity& identity() { return *identity_; }
  const std::vector<entra_use>& entra_uses() const { return entra_uses_; }
  /// Takes over what is reloadable of what it was made with (times of LLM calls). Any thread.
  void tune(const config::settings& s);
  /// How to reach the subscription.
  amqp::link_options bus_options();

 private:
  live_world() = default;
  status make_llm(const config::llm_analyzer_settings& s);
  std::unique_ptr<bus_port> connect_bus(amqp::listener l);
  std::shared_ptr<session_port> connect_redis(std::function<void(std::string)> ready,
                                              std::function<void(failure)> closed);

  request_told counting(dependency d) const;

  config::settings settings_;
  observe::metrics* metrics_ = nullptr;
  azure::bus_connection bus_;
  uint64_t next_seed_ = 1;
  io::loop_thread loop_;
  std::unique_ptr<http::client> http_;
  /// The Entra identity of the process: what has no key, password or connection string signs in with it.
  std::shared_ptr<azure::identity> identity_;
  std::vector<entra_use> entra_uses_;
  std::unique_ptr<llm::analyst> analyst_;
  std::unique_ptr<llm::embedder> embedder_;  ///< null: summaries are not embedded
  std::unique_ptr<memory::store> store_;
  std::shared_ptr<redis::write_gate> redis_gate_;
  const std::string lease_token_ = make_lease_token();
};

}  // namespace mw
