// The byte stream under a Redis connection: name resolution off the loop, connect to each address in turn,
// non-blocking reads and buffered writes. A stream_layer carries the bytes over the connected socket: plain
// TCP is built in, TLS is another one (tls_layer.hpp). Every method and callback on the loop's thread.
// `ended` comes at most once (unreachable before `connected`, connection_lost after), nothing follows it or
// close(). No time-out of its own: the owner bounds the phases.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"
#include "protocol/io/lookup.hpp"

namespace mw::redis {

/// What a connected, non-blocking socket is read and written through.
class stream_layer {
 public:
  enum class step : uint8_t {
    done,    ///< bytes were moved, or the handshake is complete
    again,   ///< nothing to do until the socket reports what wants() names
    closed,  ///< the peer ended the stream
    failed,  ///< problem() says why
  };
  struct moved {
    step result = step::again;
    size_t bytes = 0;
  };
  stream_layer() = default;
  stream_layer(const stream_layer&) = delete;
  stream_layer& operator=(const stream_layer&) = delete;
  virtual ~stream_layer() = default;
  virtual step handshake(int fd) = 0;
  /// `again` only when nothing is left inside the layer either.
  virtual moved read(int fd, std::span<char> into) = 0;
  /// Bytes were taken off the socket that read() has not given out yet.
  virtual bool holds_bytes() const { return false; }
  virtual moved write(int fd, std::string_view from) = 0;
  /// Epoll bits this layer waits for beside EPOLLIN.
  virtual uint32_t wants() const = 0;
  virtual std::string problem() const = 0;
};

std::unique_ptr<stream_layer> make_plain_layer();

class transport {
 public:
  struct handler {
    std::function<void()> connected;
    std::function<void(std::string_view)> bytes;
    std::function<void(failure)> ended;
  };

  transport(io::loop& loop, std::string host, uint16_t port, std::unique_ptr<stream_layer> layer, handler h);
  /// Closes the socket without touching the loop: call close() first while the loop runs.
  ~transport();
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;

  void start();
  /// After `connected`; sends what the socket takes now, keeps the rest.
  void write(std::string_view bytes);
  /// Reads what has arrived, at most `max_bytes`; for an owner about to judge a time-out on a busy loop.
  void read_arrived(size_t max_bytes);
  void close();
  /// "host:port"
  const std::string& where() const { return where_; }
  /// What it is at, for the message of a time-out ("connecting").
  std::string_view doing() const;

 private:
  enum class phase : uint8_t { idle, resolving, connecting, handshake, open, ended };
  void resolved(io::lookup::answer a);
  void connect_next();
  bool connect_to(const io::address& a);
  void on_socket(uint32_t events);
  void socket_connected();
  void shake();
  void flush();
  void update_interest();
  void end(errc code, const std::string& why);
  void drop_socket();

  io::loop& loop_;
  std::string host_;
  std::string where_;
  uint16_t port_;
  std::unique_ptr<stream_layer> layer_;
  handler handler_;
  phase phase_ = phase::idle;
  int fd_ = -1;
  uint32_t interest_ = 0;
  io::timer_id read_on_ = 0;
  std::unique_ptr<io::lookup> lookup_;
  std::vector<io::address> addresses_;
  size_t next_address_ = 0;
  std::string last_error_ = "no address";
  bool out_of_files_ = false;
  std::string out_;
  size_t sent_ = 0;
  std::unique_ptr<char[]> read_buffer_;
};

}  // namespace mw::redis
