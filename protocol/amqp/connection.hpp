// Proton's connection engine over a tcp_stream: bytes in through the frame tap, events out to the owner,
// bytes out with our own dispositions between Proton's frames. Offers SASL ANONYMOUS only and keeps the idle
// time-outs of both sides. One per receiver_link, everything on the loop's thread; no Proton object may be
// kept past `ended`. The owner changes engine objects, then calls pump(). `ended` comes at most once, never
// from within start() or close().
#pragma once

#include <proton/connection_driver.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "protocol/amqp/frame_tap.hpp"
#include "protocol/amqp/tcp_stream.hpp"

namespace mw::amqp {

/// The condition's words; empty when it is not set.
error_words words_of(pn_condition_t* condition);

class connection {
 public:
  struct options {
    tcp_stream::options stream;
    std::string container_id;
    std::string tapped_link;
    std::chrono::milliseconds idle_timeout{60'000};
  };
  struct handler {
    std::function<void()> connected;  ///< TCP and TLS; `open` is on its way
    std::function<void(pn_event_t*)> event;
    std::function<void(const remote_disposition&)> disposition;
    std::function<void()> pumped;  ///< the events of this round are handled, the answers written
    std::function<void(failure)> ended;
  };
  struct traffic {
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
  };

  connection(io::loop& loop, options o, handler h);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void start();
  pn_connection_t* engine() const { return driver_.connection; }
  /// See frame_tap::next_delivery_id().
  std::optional<uint32_t> next_delivery_id() { return tap_.next_delivery_id(); }
  /// The outcome of deliveries first..last of the tapped link, written at the next pump().
  void dispose(uint32_t first, uint32_t last, const outcome& o);
  void pump();
  /// Ends the connection with this reason at the end of the current pump.
  void end(failure f);
  /// Sends `close`, waits up to a second for the peer's; `done` comes once. No other callback follows.
  void close(std::function<void()> done);
  traffic bytes() const { return traffic_; }

 private:
  void set_up_engine();
  void received(std::string_view bytes);
  void feed_engine();
  void dispatch();
  bool own_event(pn_event_t* e);
  void write_out();
  void tick();
  void finish();

  io::loop& loop_;
  options options_;
  handler handler_;
  tcp_stream stream_;
  frame_tap tap_;
  pn_connection_driver_t driver_{};
  bool bound_ = false;
  bool pumping_ = false;
  bool again_ = false;
  bool over_ = false;
  bool close_sent_ = false;
  std::optional<failure> ending_;
  std::string to_engine_;
  std::string raw_;          ///< our dispositions
  std::string attach_scan_;  ///< Proton's output until the tapped link's attach was seen
  std::optional<uint16_t> channel_;
  io::timer_id tick_timer_ = 0;
  io::timer_id close_timer_ = 0;
  std::function<void()> closed_;
  traffic traffic_;
};

}  // namespace mw::amqp
