#include <doctest/doctest.h>

#include <string>

#include "tests/unit/redis/fixture.hpp"

using namespace redis_test;
using namespace std::chrono_literals;

namespace {

failure refusal(const client_options& options) {
  connection c{options};
  const auto opened = c.opened();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().from == mw::dependency::redis);
  return opened.error();
}

}  // namespace

TEST_CASE("redis tls: a certificate of our authority for our host, everything works, large values too") {
  authority ca;
  server redis{ca, ca.issue("DNS:localhost,IP:127.0.0.1"), {"--requirepass", "sesame"}};
  for (const std::string host : {"localhost", "127.0.0.1"}) {
    auto options = redis.tls_options(ca);
    options.host = host;
    options.password = "sesame";
    connection c{options};
    REQUIRE(c.opened());
    std::string big(9u << 20, 'x');
    for (size_t i = 0; i < big.size(); i += 777) big[i] = static_cast<char>('a' + i % 23);
    CHECK(c.text({"SET", "big", big}) == "OK");
    std::vector<std::future<result<reply>>> many;
    many.reserve(2'005);
    for (int i = 0; i < 5; ++i) many.push_back(c.send({"GET", "big"}));
    for (auto& f : many) CHECK(take(std::move(f))->text == big);
    for (int i = 0; i < 2'000; ++i) many.push_back(c.send({"ECHO", std::to_string(i)}));
    for (int i = 0; i < 2'000; ++i)
      CHECK(take(std::move(many[static_cast<size_t>(i) + 5]))->text == std::to_string(i));
  }
}

TEST_CASE("redis tls: TLS 1.2 is spoken where the server has nothing newer, and nothing older") {
  authority ca;
  const auto c = ca.issue("DNS:localhost");
  server older{ca, c, {"--tls-protocols", "TLSv1.2"}};
  connection works{older.tls_options(ca)};
  CHECK(works.opened());
  CHECK(works.text({"PING"}) == "PONG");
}

TEST_CASE("redis tls: a certificate for another host is refused, and both names are said") {
  authority ca;
  server redis{ca, ca.issue("DNS:cache.example.net,DNS:*.example.org")};
  const auto why = refusal(redis.tls_options(ca));
  CHECK(why.code == errc::unreachable);
  CHECK(names(why.detail, "localhost:" + std::to_string(redis.tls_port())));
  CHECK(names(why.detail, "another host"));
  CHECK(names(why.detail, "cache.example.net, *.example.org and not localhost"));
}

TEST_CASE("redis tls: an expired certificate is refused, and the day is said") {
  authority ca;
  server redis{ca, ca.issue("DNS:localhost", true)};
  const auto why = refusal(redis.tls_options(ca));
  CHECK(why.code == errc::unreachable);
  CHECK(names(why.detail, "expired on 2020-02-01"));
}

TEST_CASE("redis tls: a certificate of an unknown authority is refused, and what to do is said") {
  authority ca;
  authority other;
  server redis{ca, ca.issue("DNS:localhost")};
  for (const bool system : {false, true}) {
    auto options = redis.tls_options(other);
    if (system) options.ca_file.clear();
    const auto why = refusal(options);
    CHECK(why.code == errc::unreachable);
    CHECK(names(why.detail, "unknown authority (test authority)"));
    CHECK(names(why.detail, "ca-file"));
  }
  auto unreadable = redis.tls_options(ca);
  unreadable.ca_file = "/no/such/file.pem";
  const auto why = refusal(unreadable);
  CHECK(why.code == errc::misconfigured);
  CHECK(names(why.detail, "/no/such/file.pem': No such file"));
}

TEST_CASE("redis tls: TLS to a plain port, and plain to a TLS port, say so") {
  authority ca;
  server redis{ca, ca.issue("DNS:localhost")};
  auto tls_to_plain = redis.tls_options(ca);
  tls_to_plain.port = redis.port();
  tls_to_plain.connect_timeout = 500ms;  // Redis waits for the end of a line
  CHECK(names(refusal(tls_to_plain).detail, "speak TLS on this port"));
  auto plain_to_tls = redis.options();
  plain_to_tls.port = redis.tls_port();
  const auto why = refusal(plain_to_tls);
  CHECK(names(why.detail, "TLS"));
  CHECK(names(why.detail, "REDIS_SSL=true"));
}

TEST_CASE("redis tls: a server that never answers the handshake runs into the connect time-out") {
  peer silent{wait_for_end};
  auto options = silent.options();
  options.tls = true;
  options.connect_timeout = 50ms;
  const auto why = refusal(options);
  CHECK(why.code == errc::timed_out);
  CHECK(names(why.detail, "TLS handshake"));
}

TEST_CASE("redis tls: a server killed in the middle ends every command, and the connection once") {
  authority ca;
  server redis{ca, ca.issue("DNS:localhost")};
  connection c{redis.tls_options(ca)};
  REQUIRE(c.opened());
  std::vector<std::future<result<reply>>> many;
  many.push_back(c.send({"BLPOP", "never", "0"}));
  for (int i = 0; i < 100; ++i) many.push_back(c.send({"GET", "k"}));
  redis.kill_now();
  for (auto& f : many) CHECK(take(std::move(f)).error().code == errc::connection_lost);
  CHECK(c.closed().code == errc::connection_lost);
}
