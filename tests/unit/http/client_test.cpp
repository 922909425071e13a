#include "protocol/http/client.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "protocol/http/server.hpp"
#include "tests/unit/http/hanging_peer.hpp"

using namespace std::chrono_literals;
using mw::errc;
using mw::http::client;
using mw::http::request;
using mw::http::response;
using mw::http::server_request;
using mw::http::server_response;
using mw::http::testing::hanging_peer;

namespace {

std::unique_ptr<mw::http::server> serve(mw::http::server::handler h, unsigned threads = 8) {
  mw::http::server_options options;
  options.threads = threads;
  auto s = mw::http::server::start(options, std::move(h));
  REQUIRE(s);
  return std::move(*s);
}

std::string url(uint16_t port, std::string_view path = "/") {
  return "http://127.0.0.1:" + std::to_string(port) + std::string{path};
}

server_response text(std::string body) {
  server_response r;
  r.content_type = "text/plain";
  r.body = std::move(body);
  return r;
}

std::future<mw::result<response>> send(client& c, request r) {
  auto promise = std::make_shared<std::promise<mw::result<response>>>();
  c.send(std::move(r), [promise](mw::result<response> outcome) { promise->set_value(std::move(outcome)); });
  return promise->get_future();
}

mw::result<response> fetch(client& c, request r) {
  return send(c, std::move(r)).get();
}

request get(std::string target) {
  request r;
  r.url = std::move(target);
  return r;
}

/// A client, and a server that answers everything with nothing and keeps what it got last.
struct seeing_server {
  server_request seen;
  std::unique_ptr<mw::http::server> s = serve([this](const server_request& r) {
    seen = r;
    return text("");
  });
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
};

}  // namespace

TEST_CASE("client: method, headers, body and status go both ways") {
  server_request seen;
  const auto s = serve([&](const server_request& r) {
    seen = r;
    auto answer = text("stored");
    answer.status = 201;
    answer.headers.emplace_back("ETag", "\"7\"");
    return answer;
  });
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  for (const auto* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "POST", "GET"}) {
    request r = get(url(s->port(), "/a/b?x=1"));
    r.method = method;
    r.headers = {{"X-Key", "value"}, {"If-Match", "\"6\""}};
    const std::string_view m = method;
    const bool sends = m != "GET" && m != "HEAD" && m != "DELETE";
    if (sends) r.body = R"({"a":1})";
    const auto outcome = fetch(c, r);
    REQUIRE(outcome);
    CHECK(outcome->status == 201);
    CHECK(outcome->header("etag") == "\"7\"");
    CHECK(outcome->header("content-type") == "text/plain");
    CHECK(outcome->body == (m == "HEAD" ? "" : "stored"));
    CHECK(seen.method == method);
    CHECK(seen.path == "/a/b");
    CHECK(seen.query == "x=1");
    CHECK(seen.header("x-key") == "value");
    CHECK(seen.header("if-match") == "\"6\"");
    CHECK(seen.header("user-agent") == "memory-worker");
    CHECK(seen.header("expect").empty());
    CHECK(seen.header("content-type").empty());
    CHECK(seen.body == (sends ? R"({"a":1})" : ""));
  }
}

TEST_CASE("client: a POST without a body sends a length of zero, a large one waits for nobody's permission") {
  seeing_server there;
  auto& [seen, s, loop, c] = there;
  request r = get(url(s->port()));
  r.method = "POST";
  REQUIRE(fetch(c, r));
  CHECK(seen.header("content-length") == "0");
  r.body.assign(3u << 20, 'x');
  r.headers = {{"Content-Type", "text/plain"}};
  REQUIRE(fetch(c, r));
  CHECK(seen.body.size() == r.body.size());
  CHECK(seen.header("expect").empty());
  CHECK(seen.header("content-type") == "text/plain");
}

TEST_CASE("client: a line break in a header value cannot add a header") {
  seeing_server there;
  auto& [seen, s, loop, c] = there;
  request r = get(url(s->port()));
  r.headers = {{"X-Key", "a\r\nX-Forged: 1"}};
  REQUIRE(fetch(c, r));
  CHECK(seen.header("x-forged").empty());
  CHECK(seen.header("x-key") == "a  X-Forged: 1");
}

TEST_CASE("client: requests that differ in their query alone arrive each with its own") {
  seeing_server there;
  auto& [seen, s, loop, c] = there;
  struct step {
    const char* target;
    const char* path;  // nullptr: it is no URL
    const char* user;
  };
  for (const auto& [target, path, user] :
       {step{"/context?user=ann&s=1", "/context", "ann"}, step{"/context?user=b%20c", "/context", "b c"},
        step{"/context?user=d d", nullptr, nullptr}, step{"/context?user=e#f", "/context", "e"},
        step{"/context?", "/context", ""}, step{"/context", "/context", ""},
        step{"/other?user=ann&s=1", "/other", "ann"}, step{"/context?user=ann&s=1", "/context", "ann"},
        step{"/context?user=a?b", "/context", "a?b"}}) {
    CAPTURE(target);
    seen = {};
    const auto outcome = fetch(c, get(url(s->port(), target)));
    REQUIRE(outcome.has_value() == (path != nullptr));
    if (path == nullptr) {
      CHECK(outcome.error().code == errc::misconfigured);
      continue;
    }
    CHECK(seen.path == path);
    CHECK(seen.parameter("user") == user);
  }
}

TEST_CASE("client: requests one after the other share one connection") {
  const auto s = serve([](const server_request& r) { return text(std::string{r.header("x-n")}); }, 2);
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  // The server keeps only one connection alive besides the one it is serving: a client that opened one per
  // request would be told to close.
  for (int i = 0; i < 20; ++i) {
    request r = get(url(s->port()));
    r.headers = {{"X-N", std::to_string(i)}};
    const auto outcome = fetch(c, r);
    REQUIRE(outcome);
    CHECK(outcome->body == std::to_string(i));
    CHECK(outcome->header("connection") == "keep-alive");
  }
}

TEST_CASE("client: 300 requests sent at once over few connections all get their own answer") {
  const auto s = serve([](const server_request& r) { return text("to " + r.body); }, 32);
  mw::io::loop_thread loop;
  mw::http::client_options options;
  options.max_connections_per_host = 16;
  client c{loop.get(), options};
  std::vector<std::future<mw::result<response>>> answers;
  for (int i = 0; i < 300; ++i) {
    request r = get(url(s->port()));
    r.method = "POST";
    r.body = std::to_string(i);
    answers.push_back(send(c, std::move(r)));
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto outcome = answers[i].get();
    REQUIRE(outcome);
    CHECK(outcome->body == "to " + std::to_string(i));
  }
  CHECK(c.in_flight() == 0);
}

TEST_CASE("client: a callback may send the next request") {
  const auto s = serve([](const server_request& r) { return text(r.path); });
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  std::promise<std::string> last;
  std::function<void(int)> next = [&](int n) {
    c.send(get(url(s->port(), "/" + std::to_string(n))), [&, n](mw::result<response> outcome) {
      if (n < 50 && outcome)
        next(n + 1);
      else
        last.set_value(outcome ? outcome->body : outcome.error().detail);
    });
  };
  next(1);
  CHECK(last.get_future().get() == "/50");
}

TEST_CASE("client: a refused port is unreachable, and the error names the place but no secret") {
  uint16_t port = 0;
  { port = hanging_peer{}.port(); }
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  request r = get("http://user:hunter2@127.0.0.1:" + std::to_string(port) + "/path?key=hunter2");
  r.headers = {{"Authorization", "Bearer hunter2"}};
  const auto outcome = fetch(c, r);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == errc::unreachable);
  CHECK(outcome.error().detail.find("GET 127.0.0.1:" + std::to_string(port) + "/path") == 0);
  CHECK(outcome.error().detail.find("hunter2") == std::string::npos);
}

TEST_CASE("client: a host name that does not exist is unreachable") {
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  const auto outcome = fetch(c, get("http://no-such-host.invalid/"));
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == errc::unreachable);
}

TEST_CASE("client: a name is resolved and its connections are used like any other's") {
  const auto s = serve([](const server_request&) { return text("x"); });
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  for (int i = 0; i < 3; ++i) {
    client fresh{loop.get(), {}};  // resolves again: its resolver's sockets come and go
    CHECK(fetch(fresh, get("http://localhost:" + std::to_string(s->port()) + "/")));
    CHECK(fetch(c, get(url(s->port()))));
  }
}

TEST_CASE("client: a bad URL and a foreign scheme are misconfigured") {
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  for (const auto* bad : {"", "127.0.0.1:80/", "ftp://127.0.0.1/", "file:///etc/passwd", "http://",
                          "http://a b/", "http://127.0.0.1:notaport/"}) {
    const auto outcome = fetch(c, get(bad));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == errc::misconfigured);
  }
}

TEST_CASE("client: redirects are answers, not instructions") {
  std::atomic<int> calls{0};
  const auto s = serve([&](const server_request&) {
    ++calls;
    auto r = text("");
    r.status = 302;
    r.headers.emplace_back("Location", "/elsewhere");
    return r;
  });
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  const auto outcome = fetch(c, get(url(s->port())));
  REQUIRE(outcome);
  CHECK(outcome->status == 302);
  CHECK(calls == 1);
}

TEST_CASE("client: a silent server ends in timed_out, also for a request that waits for a connection") {
  const hanging_peer peer;
  mw::io::loop_thread loop;
  mw::http::client_options options;
  options.max_connections_per_host = 1;
  client c{loop.get(), options};
  request slow = get(url(peer.port()));
  slow.total_timeout = 60s;
  auto first = send(c, slow);
  request waiting = get(url(peer.port()));
  waiting.total_timeout = 100ms;
  const auto second = fetch(c, waiting);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == errc::timed_out);
  CHECK(first.wait_for(0s) == std::future_status::timeout);
  CHECK(c.in_flight() == 1);
}

TEST_CASE("client: an answer over the cap is too_large, with and without a length") {
  const auto s = serve([](const server_request&) { return text(std::string(100'000, 'x')); });
  const hanging_peer chunked{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" +
                             std::string(4095, 'x')};
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  for (const uint16_t port : {s->port(), chunked.port()}) {
    request r = get(url(port));
    r.max_response_bytes = 1000;
    const auto outcome = fetch(c, r);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == errc::too_large);
    CHECK(outcome.error().detail.find("1000 bytes") != std::string::npos);
  }
  request r = get(url(s->port()));
  r.max_response_bytes = 100'000;
  CHECK(fetch(c, r));
}

TEST_CASE("client: a connection cut before or within the answer is connection_lost") {
  const auto s = serve([](const server_request& r) {
    auto answer = text(std::string(1000, 'x'));
    answer.cut_after = std::stoi(r.parameter("cut"));
    return answer;
  });
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  for (const auto* path : {"/?cut=0", "/?cut=30", "/?cut=600"}) {
    const auto outcome = fetch(c, get(url(s->port(), path)));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == errc::connection_lost);
  }
}

TEST_CASE("client: an answer that is not HTTP is malformed") {
  const hanging_peer peer{"SSH-2.0-nonsense\r\n\r\n"};
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  const auto outcome = fetch(c, get(url(peer.port())));
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == errc::malformed);
}

TEST_CASE("client: a server that was restarted is reached again over a new connection") {
  mw::http::server_options options;
  const auto handler = [](const server_request&) { return text("here"); };
  auto s = mw::http::server::start(options, handler);
  REQUIRE(s);
  options.port = (*s)->port();
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  CHECK(fetch(c, get(url(options.port))));
  s->reset();
  CHECK_FALSE(fetch(c, get(url(options.port))));
  auto again = mw::http::server::start(options, handler);
  REQUIRE(again);
  CHECK(fetch(c, get(url(options.port))));
}

TEST_CASE("client: cancel ends a request once, in flight or queued, and only that one") {
  const hanging_peer peer;
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  std::promise<errc> cancelled;
  const auto id =
      c.send(get(url(peer.port())), [&](mw::result<response> r) { cancelled.set_value(r.error().code); });
  peer.wait_for_connection();
  c.cancel(id);
  c.cancel(id);
  c.cancel(id + 1000);
  CHECK(cancelled.get_future().get() == errc::cancelled);
  std::promise<errc> never_sent;
  loop.get().post([&] {  // from the loop thread: still queued when it is cancelled
    c.cancel(
        c.send(get(url(peer.port())), [&](mw::result<response> r) { never_sent.set_value(r.error().code); }));
  });
  CHECK(never_sent.get_future().get() == errc::cancelled);
  CHECK(c.in_flight() == 0);
}

TEST_CASE("client: destroyed with requests in flight, every one of them has ended as cancelled") {
  const hanging_peer peer;
  mw::io::loop_thread loop;
  std::atomic<int> ended{0};
  {
    client c{loop.get(), {}};
    for (int i = 0; i < 100; ++i)
      c.send(get(url(peer.port())), [&](mw::result<response> r) {
        if (!r && r.error().code == errc::cancelled) ++ended;
      });
    peer.wait_for_connection();
  }
  CHECK(ended == 100);
}

TEST_CASE("client: many threads may send at once") {
  const auto s = serve([](const server_request& r) { return text(r.body); }, 32);
  mw::io::loop_thread loop;
  client c{loop.get(), {}};
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        request r = get(url(s->port()));
        r.method = "POST";
        r.body = std::to_string(t) + "/" + std::to_string(i);
        const auto outcome = fetch(c, r);
        if (outcome && outcome->body == std::to_string(t) + "/" + std::to_string(i)) ++right;
      }
    });
  for (auto& t : threads) t.join();
  CHECK(right == 200);
}
