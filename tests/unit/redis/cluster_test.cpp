#include "protocol/redis/cluster.hpp"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <string>

#include "tests/unit/redis/cluster_fixture.hpp"

using namespace redis_test;
using namespace std::chrono_literals;
using mw::redis::endpoint;
using mw::redis::name_to_verify;
using mw::redis::parse_redirect;
using mw::redis::slot_map;
using mw::redis::slot_of;
using kind = mw::redis::reply::kind;

namespace {

/// Reads one key over and over, one read at a time, until it is destroyed; counts what was not the value.
class reader {
 public:
  reader(connection& c, std::string key, std::string value)
      : client_(c.client()), key_(std::move(key)), value_(std::move(value)) {
    next();
  }
  ~reader() {
    stopping_ = true;
    take(stopped_.get_future());
  }
  int reads() const { return reads_; }
  int wrong() const { return wrong_; }

 private:
  void next() {
    if (stopping_) return stopped_.set_value();
    client_->command({"GET", key_}, [this](const result<reply>& r) {
      ++reads_;
      if (!r || r->text != value_) ++wrong_;
      next();
    });
  }
  std::shared_ptr<mw::redis::client> client_;
  std::string key_;
  std::string value_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> reads_{0};
  std::atomic<int> wrong_{0};
  std::promise<void> stopped_;
};

void more_reads(const reader& r) {
  const int now = r.reads();
  until("reads go on", [&] { return r.reads() > now + 20; });
}

}  // namespace

TEST_CASE("cluster: the slot of a key is the one Redis computes, hash tags included") {
  CHECK(slot_of("123456789") == 0x31C3 % 16'384);
  CHECK(slot_of("") == 0);
  CHECK(slot_of("{user1000}.following") == slot_of("{user1000}.followers"));
  CHECK(slot_of("foo{}{bar}") != slot_of("bar"));
  CHECK(slot_of("foo{{bar}}zap") == slot_of("{bar"));
  CHECK(slot_of("foo{bar}{zap}") == slot_of("bar"));
  server redis{{"--cluster-enabled", "yes", "--cluster-port", std::to_string(free_port())}};
  connection c{redis.options()};
  for (const std::string key :
       {"session:0f3c", "memory-worker:answer:u:s", "{", "a{b", "}{x}", "\xff\x01{q}"})
    CHECK(c.call({"CLUSTER", "KEYSLOT", key})->integer == slot_of(key));
}

TEST_CASE("cluster: what redirects say") {
  const auto moved = parse_redirect("MOVED 3999 127.0.0.1:6381", "h");
  REQUIRE(moved);
  CHECK_FALSE(moved->ask);
  CHECK(moved->slot == 3'999);
  CHECK(moved->to == endpoint{"127.0.0.1", 6'381});
  CHECK(parse_redirect("ASK 1 node.test:7000", "h")->ask);
  CHECK(parse_redirect("MOVED 1 ::1:7000", "h")->to == endpoint{"::1", 7'000});
  CHECK(parse_redirect("MOVED 1 :7000", "h")->to == endpoint{"h", 7'000});
  for (const char* line : {"MOVED", "MOVED 1", "MOVED x a:1", "MOVED 16384 a:1", "MOVED 1 a:0",
                           "MOVED 1 a:99999", "MOVED 1 a", "ERR MOVED 1 a:1", ""})
    CHECK_FALSE(parse_redirect(line, "h"));
}

TEST_CASE("cluster: an announced address is verified by the configured name, a name by itself") {
  CHECK(name_to_verify("10.0.0.4", "cache.test") == "cache.test");
  CHECK(name_to_verify("fe80::1", "cache.test") == "cache.test");
  CHECK(name_to_verify("node1.cache.test", "cache.test") == "node1.cache.test");
  CHECK(name_to_verify("10.0.0.4", "10.0.0.3") == "10.0.0.4");
}

TEST_CASE("cluster: a slot map that cannot be is refused") {
  slot_map map;
  mw::redis::reply odd;
  CHECK_FALSE(map.learn_all(odd, "h"));
  odd.type = kind::array;
  CHECK(map.learn_all(odd, "h"));
  odd.items.emplace_back();
  CHECK_FALSE(map.learn_all(odd, "h"));
  CHECK(map.owner(0) == nullptr);
  odd.items.resize(mw::redis::slot_count + 1);
  CHECK_FALSE(map.learn_all(odd, "h"));
  map.learn(7, {"a", 1});
  CHECK(*map.owner(7) == endpoint{"a", 1});
  CHECK(map.owner(8) == nullptr);
}

TEST_CASE("cluster: keys of all nodes are read and written through one client") {
  cluster three{3};
  connection c{three.options()};
  CHECK(c.opened()->empty());  // no node's run id speaks for the data
  std::vector<std::future<result<reply>>> all;
  all.reserve(300);
  for (int i = 0; i < 300; ++i)
    all.push_back(c.send({"SET", "session:" + std::to_string(i), std::to_string(i)}));
  for (auto& f : all) CHECK(take(std::move(f))->text == "OK");
  for (int i = 0; i < 300; ++i) CHECK(c.text({"GET", "session:" + std::to_string(i)}) == std::to_string(i));
  CHECK(c.text({"PING"}) == "PONG");
  CHECK(c.text({"EVAL", "return redis.call('GET',KEYS[1])", "1", "session:7"}) == "7");
  for (size_t i = 0; i < 3; ++i) CHECK(three.ask(i, {"DBSIZE"}).integer > 50);
}

TEST_CASE("cluster: a slot that moves in the middle of reads costs no read") {
  cluster three{3};
  connection c{three.options()};
  const auto key = three.key_of(0);
  const auto slot = std::to_string(slot_of(key));
  CHECK(c.text({"SET", key, "value"}) == "OK");
  reader r{c, key, "value"};
  more_reads(r);
  three.ask(1, {"CLUSTER", "SETSLOT", slot, "IMPORTING", three.id(0)});
  three.ask(0, {"CLUSTER", "SETSLOT", slot, "MIGRATING", three.id(1)});
  more_reads(r);
  CHECK(three.ask(0, {"MIGRATE", "127.0.0.1", std::to_string(three.node(1).port()), key, "0", "5000"}).text ==
        "OK");
  more_reads(r);  // by ASK
  CHECK(names(three.ask(0, {"INFO", "errorstats"}).text, "errorstat_ASK"));
  three.ask(1, {"CLUSTER", "SETSLOT", slot, "NODE", three.id(1)});
  three.ask(0, {"CLUSTER", "SETSLOT", slot, "NODE", three.id(1)});
  more_reads(r);  // by MOVED once, then at its new place
  CHECK(r.wrong() == 0);
}

TEST_CASE("cluster: a user who may not ask for the slots learns them from MOVED") {
  cluster three{3};
  for (size_t i = 0; i < 3; ++i)
    three.ask(i, {"ACL", "SETUSER", "reader", "on", ">pw", "~*", "+get", "+set"});
  auto options = three.options();
  options.username = "reader";
  options.password = "pw";
  connection c{options};
  for (size_t i = 0; i < 3; ++i) {
    const auto key = three.key_of(i);
    CHECK(c.text({"SET", key, "v"}) == "OK");
    three.ask(0, {"CONFIG", "RESETSTAT"});
    for (int n = 0; n < 5; ++n) CHECK(c.text({"GET", key}) == "v");
    CHECK_FALSE(names(three.ask(0, {"INFO", "errorstats"}).text, "errorstat_MOVED"));
  }
}

TEST_CASE("cluster: a lost node fails its own keys only, and serves them again when it is back") {
  cluster three{3};
  connection c{three.options()};
  std::map<size_t, std::string> keys;
  for (size_t i = 0; i < 3; ++i) {
    keys[i] = three.key_of(i);
    CHECK(c.text({"SET", keys[i], "v"}) == "OK");
  }
  for (const size_t lost : {size_t{2}, size_t{0}}) {  // 0: the one that was configured
    CAPTURE(lost);
    three.node(lost).kill_now();
    until("the loss is seen", [&] { return !c.call({"GET", keys[lost]}); });
    const auto why = c.call({"GET", keys[lost]});
    REQUIRE_FALSE(why);
    CHECK((why.error().code == errc::unreachable || why.error().code == errc::connection_lost));
    for (size_t i = 0; i < 3; ++i)
      if (i != lost) CHECK(c.text({"GET", keys[i]}) == "v");
    three.node(lost).start_again();
    three.until_ok(lost);
    until("it serves again", [&] { return c.call({"SET", keys[lost], "v"}).has_value(); });
    CHECK(c.text({"GET", keys[lost]}) == "v");
  }
  c.stop();
  CHECK(c.times_closed() == 0);
}

TEST_CASE("cluster: the client ends, once, when the last node is lost") {
  cluster three{3};
  connection c{three.options()};
  for (size_t i = 0; i < 3; ++i) CHECK(c.text({"SET", three.key_of(i), "v"}) == "OK");
  for (size_t i = 0; i < 3; ++i) three.node(i).kill_now();
  const auto why = c.closed();
  CHECK(why.code == errc::connection_lost);
  CHECK_FALSE(c.call({"GET", "k"}));
  c.stop();
  CHECK(c.times_closed() == 1);
}

TEST_CASE("cluster: a replica that takes over is found") {
  cluster four{3, 1};
  const auto key = four.key_of(2);
  connection c{four.options()};
  CHECK(c.text({"SET", key, "v"}) == "OK");
  four.ask(3, {"CLUSTER", "REPLICATE", four.id(2)});
  until("the replica has the data", [&] { return four.ask(3, {"DBSIZE"}).integer == 1; });
  four.node(2).kill_now();
  until("the replica answers for it", [&] {
    const auto r = c.call({"GET", key});
    return r && r->text == "v";
  });
  CHECK(c.text({"SET", key, "w"}) == "OK");
}

TEST_CASE("cluster: two nodes that each name the other do not keep a command for ever") {
  std::array<std::atomic<uint16_t>, 2> ports{};
  std::atomic<int> gets{0};
  const auto sends_to = [&](size_t other) {
    return [&, other](int, const args& command) -> std::string {
      if (command[0] == "INFO") return speaker::text("run_id:r\r\nredis_mode:standalone\r\n");
      if (command[0] != "GET") return "-ERR unknown command\r\n";
      ++gets;
      return "-MOVED 1 127.0.0.1:" + std::to_string(ports[other]) + "\r\n";
    };
  };
  speaker first{sends_to(1)};
  speaker second{sends_to(0)};
  ports[0] = first.options().port;
  ports[1] = second.options().port;
  connection c{first.options()};
  const auto r = c.call({"GET", "k"});
  REQUIRE_FALSE(r);
  CHECK(r.error().code == errc::overloaded);
  CHECK(names(r.error().detail, "from node to node"));
  CHECK(gets == 6);
}

TEST_CASE("cluster: over TLS with a password, addresses announced, the certificate for the configured name") {
  authority ca;
  const auto certificate = ca.issue("DNS:localhost");
  cluster three{3, 0, {}, &ca, &certificate};
  for (size_t i = 0; i < 3; ++i) three.ask(i, {"ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all"});
  auto options = three.node(0).tls_options(ca);
  options.username = "app";
  options.password = "pw";
  connection c{options};
  for (size_t i = 0; i < 3; ++i) {
    const auto key = three.key_of(i);
    CHECK(c.text({"SET", key, "v"}) == "OK");
    CHECK(c.text({"GET", key}) == "v");
    CHECK(names(three.ask(i, {"CLIENT", "LIST"}).text, "user=app"));
  }
}
