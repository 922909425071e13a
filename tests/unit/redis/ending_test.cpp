#include <doctest/doctest.h>

#include <string>

#include "tests/unit/redis/fixture.hpp"

using namespace redis_test;
using namespace std::chrono_literals;

namespace {

/// How the commands of one connection ended, each counted once.
struct endings {
  std::vector<std::future<result<reply>>> futures;
  void add(connection& c, args argv) { futures.push_back(c.send(std::move(argv))); }
  /// The codes in order; errc{} of a success never occurs here.
  std::vector<errc> codes() {
    std::vector<errc> out;
    for (auto& f : futures) {
      auto r = take(std::move(f));
      REQUIRE_FALSE(r);
      out.push_back(r.error().code);
    }
    return out;
  }
};

/// A peer that answers the hello and then runs `then` once it has seen `tail`.
auto after_hello(const std::string& tail, const std::string& bytes) {
  return [tail, bytes](int fd) {
    answer_hello(fd);
    expect(fd, tail);
    say(fd, bytes);
  };
}

}  // namespace

TEST_CASE("redis end: a server killed in the middle ends every command once, and the connection once") {
  server redis;
  connection c{redis.options()};
  REQUIRE(c.opened());
  endings all;
  all.add(c, {"BLPOP", "never", "0"});  // holds back the replies of what follows
  for (int i = 0; i < 500; ++i) all.add(c, {"GET", "k"});
  redis.kill_now();
  CHECK(all.codes() == std::vector<errc>(501, errc::connection_lost));
  const auto why = c.closed();
  CHECK(why.code == errc::connection_lost);
  CHECK(why.from == mw::dependency::redis);
  CHECK(names(why.detail, "127.0.0.1:"));
  CHECK(c.call({"GET", "k"}).error().code == errc::connection_lost);
  c.stop();
  CHECK(c.times_closed() == 1);
}

TEST_CASE("redis end: a refused port is unreachable, also for the commands that waited") {
  client_options options;
  options.port = free_port();
  connection c{options};
  auto waiting = c.send({"PING"});
  const auto why = c.closed();
  CHECK(why.code == errc::unreachable);
  CHECK(names(why.detail, "127.0.0.1:" + std::to_string(options.port)));
  CHECK(names(why.detail, "refused"));
  CHECK(take(std::move(waiting)).error().code == errc::unreachable);
  CHECK(c.call({"PING"}).error().code == errc::unreachable);
  c.stop();
  CHECK(c.times_closed() == 1);
}

TEST_CASE("redis end: a host that cannot be resolved is unreachable") {
  client_options options;
  options.host = std::string(300, 'x');
  connection c{options};
  CHECK(c.closed().code == errc::unreachable);
}

TEST_CASE("redis end: a peer that accepts and never speaks times out") {
  peer silent{wait_for_end};
  auto options = silent.options();
  options.connect_timeout = 50ms;
  connection c{options};
  auto waiting = c.send({"PING"});
  const auto why = c.closed();
  CHECK(why.code == errc::timed_out);
  CHECK(names(why.detail, "50 ms"));
  CHECK(take(std::move(waiting)).error().code == errc::timed_out);
}

TEST_CASE("redis end: a command without reply times out, those behind it are lost with the connection") {
  peer slow{[](int fd) {
    answer_hello(fd);
    wait_for_end(fd);
  }};
  auto options = slow.options();
  options.command_timeout = 50ms;
  connection c{options};
  REQUIRE(c.opened());
  endings all;
  for (int i = 0; i < 3; ++i) all.add(c, {"GET", "k"});
  CHECK(c.closed().code == errc::timed_out);
  const auto codes = all.codes();
  CHECK(codes[0] == errc::timed_out);
  CHECK(codes[1] == errc::connection_lost);
  CHECK(codes[2] == errc::connection_lost);
  c.stop();
  CHECK(c.times_closed() == 1);
}

TEST_CASE("redis end: half a reply and then the end is connection_lost") {
  peer half{after_hello("k\r\n", "$10\r\nabc")};
  connection c{half.options()};
  REQUIRE(c.opened());
  CHECK(c.call({"GET", "k"}).error().code == errc::connection_lost);
  CHECK(c.closed().code == errc::connection_lost);
}

TEST_CASE("redis end: a reply in pieces is one reply") {
  peer slow{[](int fd) {
    answer_hello(fd);
    expect(fd, "k\r\n");
    for (const char byte : std::string{"*2\r\n$5\r\nab\r\nc\r\n:-12\r\n"}) say(fd, std::string(1, byte));
    wait_for_end(fd);
  }};
  connection c{slow.options()};
  const auto r = c.call({"GET", "k"});
  REQUIRE(r);
  REQUIRE(r->items.size() == 2);
  CHECK(r->items[0].text == "ab\r\nc");
  CHECK(r->items[1].integer == -12);
}

TEST_CASE("redis end: what is not the protocol is malformed, the commands behind are lost") {
  for (const std::string bytes :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "$abc\r\n", ":1x\r\n", "*-7\r\n", "$-5\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}) {
    CAPTURE(bytes);
    peer odd{after_hello("b\r\n", bytes)};
    connection c{odd.options()};
    REQUIRE(c.opened());
    endings all;
    all.add(c, {"GET", "a"});
    all.add(c, {"GET", "b"});
    const auto codes = all.codes();
    CHECK(codes[0] == errc::malformed);
    CHECK(codes[1] == errc::connection_lost);
    CHECK(c.closed().code == errc::malformed);
  }
}

TEST_CASE("redis end: what another kind of server says to the hello is malformed") {
  peer web{[](int fd) {
    expect(fd, "server\r\n");
    say(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  }};
  connection c{web.options()};
  CHECK(c.opened().error().code == errc::malformed);
}

TEST_CASE("redis end: a reply that nobody asked for ends the connection") {
  peer chatty{[](int fd) {
    answer_hello(fd);
    say(fd, ":1\r\n");
    wait_for_end(fd);
  }};
  connection c{chatty.options()};
  CHECK(c.closed().code == errc::malformed);
}

TEST_CASE("redis end: a reply above the cap is too_large, in one string or in many items") {
  server redis;
  auto options = redis.options();
  options.max_reply_bytes = 100'000;
  for (const bool many : {false, true}) {
    CAPTURE(many);
    connection c{options};
    REQUIRE(c.opened());
    CHECK(c.text({"SET", "small", std::string(90'000, 'x')}) == "OK");
    for (int i = 0; i < 3; ++i) CHECK(c.call({"GET", "small"}));  // together above, each below
    endings all;
    all.add(c, many ? args{"EVAL", "local t={} for i=1,50000 do t[i]=i end return t", "0"}
                    : args{"EVAL", "return string.rep('x', 200000)", "0"});
    all.add(c, {"GET", "small"});
    const auto codes = all.codes();
    CHECK(codes[0] == errc::too_large);
    CHECK(codes[1] == errc::connection_lost);
    CHECK(c.closed().code == errc::too_large);
  }
}

TEST_CASE("redis end: an array that only claims to be huge costs nothing") {
  peer liar{after_hello("k\r\n", "*2000000000\r\n")};
  connection c{liar.options()};
  CHECK(c.call({"GET", "k"}).error().code == errc::too_large);
}

TEST_CASE("redis end: a server that is loading says overloaded and stays connected") {
  peer loading{[](int fd) {
    answer_hello(fd);
    expect(fd, "k\r\n");
    say(fd, "-LOADING Redis is loading the dataset in memory\r\n");
    expect(fd, "PING\r\n");
    say(fd, "+PONG\r\n");
    wait_for_end(fd);
  }};
  connection c{loading.options()};
  CHECK(c.call({"GET", "k"}).error().code == errc::overloaded);
  CHECK(c.text({"PING"}) == "PONG");
}

TEST_CASE("redis end: a server without room for another client is overloaded") {
  server redis;
  connection first{redis.options()};
  CHECK(first.text({"CONFIG", "SET", "maxclients", "1"}) == "OK");
  connection second{redis.options()};
  CHECK(second.opened().error().code == errc::overloaded);
}

TEST_CASE("redis end: a client given up cancels what is pending and does not call closed") {
  server redis;
  connection c{redis.options()};
  REQUIRE(c.opened());
  endings all;
  all.add(c, {"BLPOP", "never", "0"});
  for (int i = 0; i < 10; ++i) all.add(c, {"GET", "k"});
  c.stop();
  CHECK(all.codes() == std::vector<errc>(11, errc::cancelled));
  CHECK(c.times_closed() == 0);
}

TEST_CASE("redis end: a client given up while it connects cancels what waits") {
  peer silent{wait_for_end};
  connection c{silent.options()};
  endings all;
  all.add(c, {"PING"});
  c.stop();
  CHECK(all.codes() == std::vector<errc>{errc::cancelled});
  CHECK(c.times_closed() == 0);
}

TEST_CASE("redis end: a client may be given up in its own callbacks") {
  server redis;
  mw::io::loop_thread thread;
  std::promise<errc> behind;
  std::shared_ptr<mw::redis::client> c = std::make_shared<mw::redis::client>(thread.get(), redis.options());
  c->connect([](const std::string&) {}, [](const failure&) {});
  std::promise<void> both_sent;
  auto sent = both_sent.get_future().share();
  c->command({"BLPOP", "list", "0"}, [&c, sent](result<reply>) {
    sent.wait();
    c.reset();
  });
  c->command({"BLPOP", "never", "0"},
             [&](result<reply> r) { behind.set_value(r ? errc{} : r.error().code); });
  both_sent.set_value();
  connection other{redis.options()};
  CHECK(other.call({"LPUSH", "list", "x"}));
  CHECK(take(behind.get_future()) == errc::cancelled);
}
