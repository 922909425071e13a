// A server that sent interim answers (or the extension of a chunk) without end held the I/O thread for as
// long as it went on: no time-out was applied, no lock renewed, no other answer read. Headers without end
// were told as a broken invariant of ours, or as a lost connection that is worth another try.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "protocol/http/client.hpp"
#include "protocol/http/server.hpp"

namespace mw {
namespace {

using namespace std::chrono_literals;

/// Answers each connection with `begin` and then `again` for as long as it is taken; one thread a connection.
class endless_server {
 public:
  endless_server(std::string begin, std::string again) : begin_(std::move(begin)), again_(std::move(again)) {
    listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(listening_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(listen(listening_, 4) == 0);
    socklen_t size = sizeof at;
    getsockname(listening_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread{[this] { serve(); }};
  }
  ~endless_server() {
    stop();
    thread_.join();
    close(listening_);
  }
  endless_server(const endless_server&) = delete;
  endless_server& operator=(const endless_server&) = delete;

  void stop() {
    stopping_ = true;
    shutdown(listening_, SHUT_RDWR);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  void serve() {
    while (!stopping_) {
      const int fd = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const timeval limit{1, 0};  // who does not read must not hold up the end
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      bool taken = write_all(fd, begin_);
      while (taken && !stopping_) taken = write_all(fd, again_);
      close(fd);
    }
  }
  static bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  std::string begin_;
  std::string again_;
  int listening_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

std::string many(std::string_view text) {
  std::string out;
  for (int i = 0; i < 4'000; ++i) out.append(text);
  return out;
}

std::future<result<http::response>> ask(http::client& c, std::string url, std::chrono::milliseconds limit) {
  http::request r;
  r.url = std::move(url);
  r.total_timeout = limit;
  auto promise = std::make_shared<std::promise<result<http::response>>>();
  c.send(std::move(r), [promise](result<http::response> outcome) { promise->set_value(std::move(outcome)); });
  return promise->get_future();
}

/// How the request of an endless answer ended, while another one beside it was answered.
errc end_of(const std::string& begin, const std::string& again, std::chrono::milliseconds limit) {
  endless_server bad{begin, again};
  auto good = http::server::start({}, [](const http::server_request&) { return http::server_response{}; });
  REQUIRE(good);
  io::loop_thread loop;
  http::client c{loop.get(), {}};
  auto harmed = ask(c, bad.url(), limit);
  auto other = ask(c, "http://127.0.0.1:" + std::to_string((*good)->port()) + "/", 60s);
  constexpr auto patience = 30s;
  const bool served = other.wait_for(patience) == std::future_status::ready;
  const bool ended = harmed.wait_for(patience) == std::future_status::ready;
  bad.stop();
  CHECK(served);
  CHECK(ended);
  CHECK(other.get().has_value());
  const auto outcome = harmed.get();
  REQUIRE_FALSE(outcome);
  return outcome.error().code;
}

const std::string head = "HTTP/1.1 200 OK\r\n";

TEST_CASE("headers without end are no answer") {
  CHECK(end_of("", many("HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n"), 60s) == errc::malformed);
  CHECK(end_of(head, many("X-A: b\r\n"), 60s) == errc::malformed);
  CHECK(end_of(head + "X-A: ", many("b"), 60s) == errc::malformed);
  CHECK(end_of(head + "Transfer-Encoding: chunked\r\n\r\n0\r\n", many("X-A: b\r\n"), 60s) == errc::malformed);
}

TEST_CASE("what has no end and is not kept ends with the request's time") {
  CHECK(end_of(head + "Transfer-Encoding: chunked\r\n\r\n5;", many("x"), 1s) == errc::timed_out);
}

}  // namespace
}  // namespace mw
