#include "protocol/http/server.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include "protocol/http/url.hpp"
#include "tests/unit/http/raw_peer.hpp"

using mw::http::server_request;
using mw::http::server_response;
using mw::http::testing::raw_peer;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<mw::http::server> start(mw::http::server::handler h, mw::http::server_options options = {}) {
  auto s = mw::http::server::start(options, std::move(h));
  REQUIRE(s);
  return std::move(*s);
}

server_response text(std::string body) {
  server_response r;
  r.content_type = "text/plain";
  r.body = std::move(body);
  return r;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("server: the handler sees method, decoded path, query parameters, headers and body") {
  server_request seen;
  const auto s = start([&](const server_request& r) {
    seen = r;
    return text("hello");
  });
  const auto answer = raw_peer{s->port()}.exchange(
      "POST /api/memory/users/a%2Fb%20c/memories?limit=5&q=a+b%26c&flag HTTP/1.1\r\nHost: x\r\nX-Thing: "
      "Value\r\n"
      "Connection: close\r\nContent-Length: 4\r\n\r\nbody");
  CHECK(contains(answer, "HTTP/1.1 200 OK\r\n"));
  CHECK(contains(answer, "Content-Type: text/plain\r\n"));
  CHECK(contains(answer, "Connection: close\r\n"));
  CHECK(answer.ends_with("\r\n\r\nhello"));
  CHECK(seen.method == "POST");
  CHECK(seen.path == "/api/memory/users/a/b c/memories");
  CHECK(seen.segments == std::vector<std::string>{"api", "memory", "users", "a/b c", "memories"});
  CHECK(seen.query == "limit=5&q=a+b%26c&flag");
  CHECK(seen.parameter("limit") == "5");
  CHECK(seen.parameter("q") == "a b&c");
  CHECK(seen.parameter("flag").empty());
  CHECK(seen.parameter("absent").empty());
  CHECK(seen.header("x-thing") == "Value");
  CHECK(seen.body == "body");
  CHECK(seen.remote_address == "127.0.0.1");
}

TEST_CASE("server: a dotted path reaches the handler as it was sent, not resolved") {
  std::string path;
  const auto s = start([&](const server_request& r) {
    path = r.path;
    return text("");
  });
  raw_peer{s->port()}.exchange("GET /users/../secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(path == "/users/../secret");
}

TEST_CASE("server: one connection carries several requests") {
  int calls = 0;
  const auto s = start([&](const server_request&) { return text("answer" + std::to_string(++calls)); });
  const raw_peer peer{s->port()};
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(peer.send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    const auto answer = peer.read_until("answer" + std::to_string(i));
    CHECK(contains(answer, "Connection: keep-alive\r\n"));
  }
  CHECK(calls == 3);
}

TEST_CASE("server: with every thread held, answers close their connection so that waiting ones are served") {
  mw::http::server_options options;
  options.threads = 2;
  const auto s = start([&](const server_request&) { return text("."); }, options);
  const raw_peer first{s->port()};
  REQUIRE(first.send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  CHECK(contains(first.read_until("\r\n\r\n."), "Connection: keep-alive"));
  for (int i = 0; i < 5; ++i) {
    const raw_peer other{s->port()};
    REQUIRE(other.send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(contains(other.read_all(), "Connection: close"));
  }
}

TEST_CASE("server: a body of unknown coding, or with two lengths, is refused") {
  std::atomic<int> calls{0};
  const auto s = start([&](const server_request&) {
    ++calls;
    return text("");
  });
  const std::string chunks = "\r\n1\r\na\r\n0\r\n\r\n";
  CHECK(
      contains(raw_peer{s->port()}.exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
               "HTTP/1.1 400 "));
  CHECK(contains(
      raw_peer{s->port()}.exchange(
          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n" + chunks),
      "HTTP/1.1 400 "));
  CHECK(calls == 0);
}

TEST_CASE("server: a body over the limit is refused with 413 and a problem that names the limit") {
  mw::http::server_options options;
  options.max_body_bytes = 1000;
  std::atomic<int> calls{0};
  const auto s = start(
      [&](const server_request&) {
        ++calls;
        return text("");
      },
      options);
  const auto answer = raw_peer{s->port()}.exchange(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + std::string(200'000, 'x'));
  CHECK(contains(answer, "HTTP/1.1 413 Content Too Large\r\n"));
  CHECK(contains(answer, "Content-Type: application/problem+json\r\n"));
  CHECK(contains(answer, "at most 1000 bytes"));
  CHECK(calls == 0);
}

TEST_CASE("server: a body cut short by its client never reaches the handler") {
  std::atomic<int> calls{0};
  auto s = start([&](const server_request&) {
    ++calls;
    return text("");
  });
  {
    const raw_peer peer{s->port()};
    REQUIRE(peer.send_text("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"));
  }
  s.reset();
  CHECK(calls == 0);
}

TEST_CASE("server: bad percent-coding and requests that are not HTTP get 400") {
  const auto s = start([](const server_request&) { return text("unreachable"); });
  for (const auto* target : {"/a%zz", "/a%2", "/a%00b"}) {
    const auto answer = raw_peer{s->port()}.exchange("GET " + std::string{target} +
                                                     " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK(contains(answer, "HTTP/1.1 400 "));
  }
  const auto answer = raw_peer{s->port()}.exchange("nonsense\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 400 "));
  CHECK(answer.find("HTTP/1.1", 1) == std::string::npos);
}

TEST_CASE("server: an exception of the handler becomes a 500 that does not tell what it said") {
  mw::http::server_options options;
  std::string told;
  options.on_handler_error = [&](std::string_view what) { told = what; };
  auto s = start([](const server_request&) -> server_response { throw std::runtime_error("secret thing"); },
                 options);
  const auto answer = raw_peer{s->port()}.exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(contains(answer, "HTTP/1.1 500 Internal Server Error\r\n"));
  CHECK(contains(answer, R"("status":500)"));
  CHECK_FALSE(contains(answer, "secret thing"));
  s.reset();
  CHECK(told == "secret thing");
}

TEST_CASE(
    "server: a HEAD request gets the length but no body, a line break in a header value adds no header") {
  const auto s = start([](const server_request&) {
    auto r = text("12345");
    r.headers.emplace_back("X-Echo", "a\r\nX-Forged: 1");
    return r;
  });
  const auto answer = raw_peer{s->port()}.exchange("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(contains(answer, "Content-Length: 5\r\n"));
  CHECK(answer.ends_with("\r\n\r\n"));
  CHECK_FALSE(contains(answer, "\r\nX-Forged"));
}

TEST_CASE("server: cut_after ends the connection after that many bytes") {
  const auto s = start([](const server_request& r) {
    auto answer = text(std::string(100, 'x'));
    answer.cut_after = std::stoi(r.parameter("cut"));
    return answer;
  });
  CHECK(raw_peer{s->port()}.exchange("GET /?cut=0 HTTP/1.1\r\nHost: x\r\n\r\n").empty());
  CHECK(raw_peer{s->port()}.exchange("GET /?cut=20 HTTP/1.1\r\nHost: x\r\n\r\n").size() == 20);
}

TEST_CASE("server: a taken port and a foreign address are reported with address and port") {
  const auto first = start([](const server_request&) { return text(""); });
  mw::http::server_options options;
  options.port = first->port();
  const auto second = mw::http::server::start(options, [](const server_request&) { return text(""); });
  REQUIRE_FALSE(second);
  CHECK(second.error().code == mw::errc::misconfigured);
  CHECK(contains(second.error().detail, "127.0.0.1:" + std::to_string(first->port())));
  options.bind = "203.0.113.7";
  const auto third = mw::http::server::start(options, [](const server_request&) { return text(""); });
  REQUIRE_FALSE(third);
  CHECK(contains(third.error().detail, "203.0.113.7:"));
}

TEST_CASE("server: stopping waits for the running handler, whose answer still arrives, and frees the port") {
  std::promise<void> entered;
  std::promise<void> go_on;
  auto s = start([&](const server_request&) {
    entered.set_value();
    go_on.get_future().wait();
    return text("late answer");
  });
  const auto port = s->port();
  const raw_peer peer{port};
  REQUIRE(peer.send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  entered.get_future().wait();
  std::thread stopper{[&] { s.reset(); }};
  go_on.set_value();
  const auto answer = peer.read_all();
  CAPTURE(answer);
  CHECK(answer.ends_with("late answer"));
  stopper.join();
  CHECK_FALSE(raw_peer{port}.connected());
}

TEST_CASE("server: stopping does not wait for a body that does not come, or comes byte by byte") {
  for (const bool trickles : {false, true}) {
    CAPTURE(trickles);
    auto s = start([](const server_request&) { return text("served"); }, {.request_timeout = 60s});
    const raw_peer client{s->port()};
    // Both heads come at once: when the first is answered, the server waits for the second one's body.
    client.send_text(
        "GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n");
    CHECK(contains(client.read_until("served"), "served"));
    auto gone = std::async(std::launch::async, [&] { s.reset(); });
    bool in_time = false;
    for (int n = 0; n < 2'000 && !in_time; ++n) {
      if (trickles) client.send_text("x");
      in_time = gone.wait_for(5ms) == std::future_status::ready;
    }
    CHECK(in_time);
  }
}

TEST_CASE("server: starting one leaves the handling of SIGCHLD as it was") {
  struct sigaction before {};
  struct sigaction after {};
  sigaction(SIGCHLD, nullptr, &before);
  const auto s = start([](const server_request&) { return text(""); });
  sigaction(SIGCHLD, nullptr, &after);
  CHECK((before.sa_handler == after.sa_handler));
}

TEST_CASE("url: percent-coding round trips, and keeps an id inside one path segment") {
  const std::string id = "a/b c%?\xc3\xa9~.-_";
  CHECK(mw::http::percent_encode(id) == "a%2Fb%20c%25%3F%C3%A9~.-_");
  CHECK(mw::http::percent_decode(mw::http::percent_encode(id)) == id);
  CHECK_FALSE(mw::http::percent_decode("%"));
}
