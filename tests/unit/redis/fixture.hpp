// For the Redis tests: a real redis-server on a free port in a folder of its own, a scripted peer for exact
// bytes, and a client on its own loop whose callbacks are turned into futures. Each ends with its scope and
// leaves no process, port or file behind. Every wait is bounded and fails the test when it runs out.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "protocol/redis/client.hpp"
#include "tests/unit/free_port.hpp"

namespace redis_test {

using args = std::vector<std::string>;
using mw::errc;
using mw::failure;
using mw::result;
using mw::redis::client_options;
using mw::redis::reply;
using mw::testing::free_port;

/// The value of a future that must come.
template <class T>
T take(std::future<T> f) {
  REQUIRE(f.wait_for(std::chrono::seconds{30}) == std::future_status::ready);
  return f.get();
}

inline bool names(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

/// Polls until it holds; fails the test when that takes too long.
void until(const char* what, const std::function<bool()>& holds);

/// A certificate authority of its own, made with the openssl command.
class authority {
 public:
  struct certificate {
    std::string cert_file;
    std::string key_file;
  };
  authority();
  ~authority();
  authority(const authority&) = delete;
  authority& operator=(const authority&) = delete;
  std::string ca_file() const { return folder_ + "/ca.crt"; }
  /// `names` as in "DNS:localhost,IP:127.0.0.1".
  certificate issue(const std::string& names, bool expired = false);

 private:
  std::string folder_;
  int issued_ = 0;
};

class server {
 public:
  explicit server(args more_options = {});
  /// Speaks TLS on tls_port() as well.
  server(const authority& ca, const authority::certificate& c, args more_options = {});
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  uint16_t port() const { return port_; }
  uint16_t tls_port() const { return tls_port_; }
  void kill_now();     ///< SIGKILL, and waits for the end
  void start_again();  ///< on the same ports, in the same folder
  client_options options() const;
  client_options tls_options(const authority& ca) const;

 private:
  bool start(const args& more_options);
  bool run();
  std::string folder_;
  args command_;
  uint16_t port_ = 0;
  uint16_t tls_port_ = 0;
  int pid_ = -1;
};

/// Accepts one connection and runs the script on it, then closes it.
class peer {
 public:
  explicit peer(std::function<void(int fd)> script);
  ~peer();
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;
  client_options options() const;

 private:
  uint16_t port_ = 0;
  int listener_ = -1;
  std::thread thread_;
};

/// Accepts any number of connections and answers each command at once, with what `answer` says (RESP bytes;
/// it runs on a thread of its own).
class speaker {
 public:
  using answer_fn = std::function<std::string(int connection, const args& command)>;
  explicit speaker(answer_fn answer);
  ~speaker();
  speaker(const speaker&) = delete;
  speaker& operator=(const speaker&) = delete;
  client_options options() const;
  static std::string text(const std::string& value);

 private:
  void run();
  answer_fn answer_;
  uint16_t port_ = 0;
  int listener_ = -1;
  int stop_ = -1;
  std::thread thread_;
};

/// For scripts: reads until the bytes end with `tail` (or the client closed).
void expect(int fd, const std::string& tail);
void say(int fd, const std::string& bytes);
/// Waits for the hello and answers it; run id "r1".
void answer_hello(int fd);
/// Holds the connection until the client closes it.
void wait_for_end(int fd);

/// A client on a loop of its own.
class connection {
 public:
  explicit connection(const client_options& options);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// The run id, or why it was closed before it was ready.
  result<std::string> opened() { return take(opened_.get_future()); }
  /// Why it was closed.
  failure closed() { return take(closed_.get_future()); }
  int times_closed() const { return times_closed_; }
  std::future<result<reply>> send(args argv);
  result<reply> call(args argv) { return take(send(std::move(argv))); }
  /// The text of a reply, or what went wrong, in words.
  std::string text(args argv);
  const std::shared_ptr<mw::redis::client>& client() const { return client_; }
  mw::io::loop& loop() { return thread_->get(); }
  /// Gives up the client (unless somebody else holds it) and ends the loop: afterwards no callback runs.
  void stop();

 private:
  std::promise<result<std::string>> opened_;
  std::promise<failure> closed_;
  std::atomic<bool> was_opened_{false};
  std::atomic<int> times_closed_{0};
  std::unique_ptr<mw::io::loop_thread> thread_ = std::make_unique<mw::io::loop_thread>();
  std::shared_ptr<mw::redis::client> client_;
};

}  // namespace redis_test
