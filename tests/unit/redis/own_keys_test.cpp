#include "protocol/redis/own_keys.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/redis/fixture.hpp"

using namespace redis_test;
using namespace std::chrono_literals;
using mw::redis::own_keys;
using mw::redis::write_gate;

namespace {

using text = std::optional<std::string>;

/// Runs one call of own_keys and gives what it answers.
template <class T, class Call>
result<T> answer_of(const Call& call) {
  std::promise<result<T>> p;
  call([&](result<T> r) { p.set_value(std::move(r)); });
  return take(p.get_future());
}

result<bool> acquire(own_keys& keys, const std::string& token) {
  return answer_of<bool>([&](auto done) { keys.acquire_lease("lease", token, 60s, done); });
}
result<bool> renew(own_keys& keys, const std::string& token) {
  return answer_of<bool>([&](auto done) { keys.renew_lease("lease", token, 90s, done); });
}
result<bool> release(own_keys& keys, const std::string& token) {
  return answer_of<bool>([&](auto done) { keys.release_lease("lease", token, done); });
}
mw::status set(own_keys& keys) {
  return answer_of<mw::ok_t>([&](auto done) { keys.set("a", "v", 60s, done); });
}

}  // namespace

TEST_CASE("own keys: written under our prefix with a time to live, read and removed") {
  server redis;
  connection c{redis.options()};
  own_keys keys{c.client()};
  CHECK_FALSE(*answer_of<text>([&](auto done) { keys.get("a", done); }));
  CHECK(set(keys));
  CHECK(*answer_of<text>([&](auto done) { keys.get("a", done); }) == "v");
  CHECK(c.text({"GET", "memory-worker:a"}) == "v");
  CHECK(c.call({"PTTL", "memory-worker:a"})->integer > 0);
  CHECK(*answer_of<bool>([&](auto done) { keys.remove("a", done); }));
  CHECK_FALSE(*answer_of<bool>([&](auto done) { keys.remove("a", done); }));
  CHECK(answer_of<mw::ok_t>([&](auto done) { keys.set("empty", "", 0ms, done); }));
  own_keys other{c.client(), "other:"};
  CHECK(set(other));
  CHECK(c.text({"GET", "other:a"}) == "v");
}

TEST_CASE("own keys: attempts are counted, with a time to live") {
  server redis;
  connection c{redis.options()};
  own_keys keys{c.client()};
  for (int64_t i = 1; i <= 3; ++i)
    CHECK(*answer_of<int64_t>([&](auto done) { keys.increment("attempts", 60s, done); }) == i);
  CHECK(c.call({"PTTL", "memory-worker:attempts"})->integer > 0);
}

TEST_CASE("own keys: a lease is one owner's until it is released, and its owner may take it again") {
  server redis;
  connection c{redis.options()};
  own_keys keys{c.client()};
  CHECK(*acquire(keys, "me"));
  CHECK(c.text({"GET", "memory-worker:lease"}) == "me");
  CHECK(c.call({"PTTL", "memory-worker:lease"})->integer > 0);
  CHECK_FALSE(*acquire(keys, "you"));
  CHECK(*acquire(keys, "me"));
  CHECK_FALSE(*renew(keys, "you"));
  CHECK(*renew(keys, "me"));
  CHECK(c.call({"PTTL", "memory-worker:lease"})->integer > 60'000);
  CHECK_FALSE(*release(keys, "you"));
  CHECK(c.text({"GET", "memory-worker:lease"}) == "me");
  CHECK(*release(keys, "me"));
  CHECK_FALSE(*release(keys, "me"));
  CHECK(*acquire(keys, "you"));
}

TEST_CASE("own keys: a user who may not run scripts still compares before it renews or releases a lease") {
  server redis;
  {
    connection admin{redis.options()};
    CHECK(admin.text({"ACL", "SETUSER", "plain", "on", ">pw", "~*", "+@all", "-@scripting"}) == "OK");
  }
  auto options = redis.options();
  options.username = "plain";
  options.password = "pw";
  connection c{options};
  own_keys keys{c.client()};
  CHECK(*acquire(keys, "me"));
  CHECK_FALSE(*acquire(keys, "you"));
  CHECK(*acquire(keys, "me"));
  CHECK_FALSE(*release(keys, "you"));
  CHECK(*renew(keys, "me"));
  CHECK(*release(keys, "me"));
  CHECK(c.call({"GET", "memory-worker:lease"})->type == mw::redis::reply::kind::nil);
  CHECK(keys.gate().is_open());
}

TEST_CASE("own keys: after one refusal nothing is sent any more, reads of them go on") {
  server redis;
  connection c{redis.options()};
  own_keys keys{c.client()};
  CHECK(set(keys));
  CHECK(c.text({"REPLICAOF", "127.0.0.1", std::to_string(free_port())}) == "OK");
  CHECK(set(keys).error().code == errc::no_memory);
  CHECK(c.text({"CONFIG", "RESETSTAT"}) == "OK");
  CHECK(set(keys).error().code == errc::no_memory);
  CHECK(acquire(keys, "me").error().code == errc::no_memory);
  CHECK(release(keys, "me").error().code == errc::no_memory);
  CHECK(answer_of<int64_t>([&](auto done) { keys.increment("n", 60s, done); }).error().code ==
        errc::no_memory);
  CHECK(answer_of<bool>([&](auto done) { keys.remove("a", done); }).error().code == errc::no_memory);
  CHECK(*answer_of<text>([&](auto done) { keys.get("a", done); }) == "v");
  CHECK_FALSE(names(c.text({"INFO", "commandstats"}), "cmdstat_set:"));
}

TEST_CASE("own keys: a replica that is promoted takes them again, on the next connection at once") {
  server redis;
  std::vector<std::string> changes;
  const auto gate =
      std::make_shared<write_gate>([&](const failure* why) { changes.push_back(why ? "off" : "on"); });
  {
    connection c{redis.options()};
    own_keys keys{c.client(), "memory-worker:", gate};
    CHECK(c.text({"REPLICAOF", "127.0.0.1", std::to_string(free_port())}) == "OK");
    for (int i = 0; i < 3; ++i) CHECK_FALSE(set(keys));
    CHECK(c.text({"REPLICAOF", "NO", "ONE"}) == "OK");
    CHECK_FALSE(set(keys));
  }
  connection c{redis.options()};
  gate->new_connection();
  own_keys keys{c.client(), "memory-worker:", gate};
  CHECK(set(keys));
  CHECK(set(keys));
  CHECK(changes == std::vector<std::string>{"off", "on"});
}

TEST_CASE("own keys: a user without rights on the prefix closes the gate, for reads as well") {
  server redis;
  {
    connection admin{redis.options()};
    CHECK(admin.text({"ACL", "SETUSER", "reader", "on", ">pw", "~session:*", "+@all"}) == "OK");
  }
  auto options = redis.options();
  options.username = "reader";
  options.password = "pw";
  connection c{options};
  own_keys keys{c.client()};
  const auto refused = acquire(keys, "me");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::forbidden);
  CHECK(names(refused.error().detail, "+set on ~memory-worker:*"));
  CHECK_FALSE(keys.gate().may_read());
  CHECK(answer_of<text>([&](auto done) { keys.get("a", done); }).error().code == errc::forbidden);
}

TEST_CASE("write gate: one try a minute while it is closed, one word each way") {
  std::vector<bool> opened;
  write_gate gate{[&](const failure* why) { opened.push_back(why == nullptr); }};
  const write_gate::time_point start{};
  const auto oom = mw::fail(mw::dependency::redis, errc::no_memory, "OOM");
  const auto lost = mw::fail(mw::dependency::redis, errc::connection_lost, "gone");
  gate.answered(&lost, start);
  CHECK(gate.may_write(start));
  gate.answered(&oom, start);
  gate.answered(&oom, start);
  CHECK_FALSE(gate.may_write(start + 59s));
  CHECK(gate.may_write(start + 60s));
  CHECK_FALSE(gate.may_write(start + 60s));
  gate.answered(&oom, start + 60s);
  CHECK_FALSE(gate.may_write(start + 119s));
  gate.new_connection();
  CHECK(gate.may_write(start + 119s));
  gate.answered(nullptr, start + 119s);
  CHECK(gate.may_write(start + 119s));
  CHECK(opened == std::vector<bool>{false, true});
}
