// The real outside world for the actors: Service Bus, Redis, LLM and Memory API, all on one I/O loop thread.
// Made once by `run` and `check`. Errors at making are misconfigurations: one line each, naming the option
// and the fix.
#pragma once

#include <memory>

#include "actors/ports.hpp"
#include "protocol/azure/sas.hpp"
#include "protocol/config/settings.hpp"
#include "protocol/http/client.hpp"
#include "protocol/io/loop.hpp"

namespace mw {

class live_world {
 public:
  static result<std::unique_ptr<live_world>> make(const config::settings& s);
  /// Valid as long as this object. Connections made through it must be gone before it.
  ports outside();
  io::loop& loop() { return loop_.get(); }
  /// How to reach the subscription.
  amqp::link_options bus_options();

 private:
  live_world() = default;
  std::unique_ptr<bus_port> connect_bus(amqp::listener l);
  std::shared_ptr<session_port> connect_redis(std::function<void(std::string)> ready,
                                              std::function<void(failure)> closed);

  config::settings settings_;
  azure::bus_connection bus_;
  uint64_t next_seed_ = 1;
  io::loop_thread loop_;
  std::unique_ptr<http::client> http_;
  std::unique_ptr<llm::analyst> analyst_;
  std::unique_ptr<memory::store> store_;
};

}  // namespace mw
