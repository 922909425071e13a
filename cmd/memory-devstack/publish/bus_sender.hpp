// Sends messages to a topic over one AMQP connection: `$cbs` put-token, then a sender link; each message is
// confirmed by the broker. open() and send() block the calling thread (not the loop's), at most for the
// operation time-out. Errors as of protocol/amqp: unreachable, timed_out, connection_lost, unauthorized,
// not_found, rejected.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cmd/memory-devstack/publish/sample.hpp"
#include "protocol/azure/sas.hpp"
#include "protocol/base/errors.hpp"
#include "protocol/io/loop.hpp"

namespace mw::publish {

class bus_sender {
 public:
  bus_sender(io::loop& loop, azure::bus_connection where, std::string topic,
             std::chrono::milliseconds operation_timeout);
  /// Closes the connection; not on the loop's thread.
  ~bus_sender();
  bus_sender(const bus_sender&) = delete;
  bus_sender& operator=(const bus_sender&) = delete;

  status open();
  status send(const bus_message& message);

 private:
  class impl;
  io::loop& loop_;
  std::shared_ptr<impl> impl_;
};

}  // namespace mw::publish
