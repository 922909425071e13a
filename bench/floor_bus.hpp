// A peek-lock receiver on Proton's connection_driver and a plain socket, nothing around it: deliveries are
// settled through Proton's own delivery objects. Loop thread only; a lost connection ends the program.
#pragma once

#include <proton/connection_driver.h>
#include <proton/delivery.h>

#include <functional>
#include <string>
#include <string_view>

#include "protocol/io/loop.hpp"

namespace mw::bench {

class floor_bus {
 public:
  struct handler {
    std::function<void()> ready;
    std::function<void(pn_delivery_t*, std::string_view message)> delivery;
    std::function<void()> settled;  ///< the broker confirmed one
  };
  floor_bus(io::loop& loop, uint16_t port, std::string entity, int credit, handler h);
  ~floor_bus();
  floor_bus(const floor_bus&) = delete;
  floor_bus& operator=(const floor_bus&) = delete;

  /// Accepts; sent with the next wake-up's output. The broker's answer grants one credit anew.
  void accept(pn_delivery_t* d);

 private:
  void on_socket(uint32_t events);
  void read();
  void dispatch();
  void on_event(pn_event_t* e);
  void put_token();
  void attach();
  void write();
  void pump();
  void tick();

  io::loop& loop_;
  const std::string entity_;
  const uint16_t port_;
  const int credit_;
  const handler handler_;
  pn_connection_driver_t driver_{};
  int fd_ = -1;
  bool want_write_ = true;
  bool pump_posted_ = false;
  int owed_ = 0;  ///< credit to be granted anew
  pn_link_t* cbs_out_ = nullptr;
  pn_link_t* cbs_in_ = nullptr;
  pn_link_t* link_ = nullptr;
  std::string message_;
};

}  // namespace mw::bench
