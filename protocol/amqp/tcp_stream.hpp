// A client's byte stream on an io::loop: name resolution off the loop, connect to each address in turn,
// optional TLS with verification of the peer's name and chain, non-blocking reads and buffered writes. Used
// by the AMQP connection only; every method on the loop's thread. `ended` comes at most once, also for a
// failed connect (`unreachable`, with address and reason), and nothing after it or after close(). No time-out
// of its own: the owner bounds the phases. TLS is here, below Proton, because the connection works on clear
// frames.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/amqp/tls_session.hpp"
#include "protocol/base/errors.hpp"
#include "protocol/io/lookup.hpp"

namespace mw::amqp {

class tcp_stream {
 public:
  struct options {
    std::string host;
    uint16_t port = 0;
    bool tls = false;
    std::string ca_file;  ///< PEM; empty: the system's certificates
  };
  struct handler {
    std::function<void()> connected;  ///< TLS handshake included
    std::function<void(std::string_view)> bytes;
    std::function<void(failure)> ended;
  };

  tcp_stream(io::loop& loop, options o, handler h);
  /// Closes the socket without touching the loop: call close() first while the loop runs.
  ~tcp_stream();
  tcp_stream(const tcp_stream&) = delete;
  tcp_stream& operator=(const tcp_stream&) = delete;

  void start();
  /// After `connected`. Bytes that the socket does not take now are kept.
  void write(std::string_view bytes);
  size_t unsent() const { return out_.size() - sent_; }
  void close();

 private:
  enum class phase { idle, resolving, connecting, handshake, open, ended };
  void resolved(io::lookup::answer a);
  void connect_next();
  void on_socket(uint32_t events);
  void socket_connected();
  void received(std::string_view bytes);
  void read_all();
  void flush();
  void end(failure f);
  void drop_socket();
  std::string where() const;

  io::loop& loop_;
  options options_;
  handler handler_;
  phase phase_ = phase::idle;
  int fd_ = -1;
  bool write_wanted_ = false;
  std::unique_ptr<io::lookup> lookup_;
  std::vector<io::address> addresses_;
  size_t next_address_ = 0;
  std::string last_error_ = "no address";
  std::unique_ptr<tls_session> tls_;
  std::string clear_;
  std::string out_;
  size_t sent_ = 0;
};

}  // namespace mw::amqp
