#include "protocol/redis/client.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>

#include "tests/unit/redis/fixture.hpp"

using namespace redis_test;
using kind = mw::redis::reply::kind;

TEST_CASE("redis: a connection is ready with the server's run id") {
  server redis;
  connection c{redis.options()};
  const auto run_id = c.opened();
  REQUIRE(run_id);
  CHECK(run_id->size() == 40);
  CHECK(names(c.text({"INFO", "server"}), "run_id:" + *run_id));
}

TEST_CASE("redis: every kind of reply arrives as it is") {
  server redis;
  connection c{redis.options()};
  CHECK(c.text({"SET", "k", std::string("a\0\r\n\xff", 5)}) == "OK");
  CHECK(c.text({"GET", "k"}) == std::string("a\0\r\n\xff", 5));
  CHECK(c.call({"STRLEN", "k"})->integer == 5);
  CHECK(c.call({"DECR", "n"})->integer == -1);
  CHECK(c.call({"GET", "none"})->type == kind::nil);
  CHECK(c.call({"SET", "empty", ""})->type == kind::text);
  CHECK(c.call({"GET", "empty"})->type == kind::text);
  const auto list = c.call({"EVAL", "return {1,{'a',{},{{2}}},false,redis.error_reply('ERR x'),'z'}", "0"});
  REQUIRE(list);
  REQUIRE(list->type == kind::array);
  REQUIRE(list->items.size() == 5);
  CHECK(list->items[0].integer == 1);
  REQUIRE(list->items[1].items.size() == 3);
  CHECK(list->items[1].items[0].text == "a");
  CHECK(list->items[1].items[1].items.empty());
  CHECK(list->items[1].items[2].items.at(0).items.at(0).integer == 2);
  CHECK(list->items[2].type == kind::nil);
  CHECK(list->items[3].text == "ERR x");
  CHECK(list->items[4].text == "z");
}

TEST_CASE("redis: ten thousand commands in flight are answered in order") {
  server redis;
  connection c{redis.options()};
  constexpr int count = 10'000;
  std::promise<int> all;
  int answered = 0;
  int in_order = 0;
  for (int i = 0; i < count; ++i)
    c.client()->command({"ECHO", std::to_string(i)}, [&, i](result<reply> r) {
      if (r && r->text == std::to_string(i) && answered == i) ++in_order;
      if (++answered == count) all.set_value(in_order);
    });
  CHECK(take(all.get_future()) == count);
}

TEST_CASE("redis: commands made in a reply's callback follow one another") {
  server redis;
  connection c{redis.options()};
  std::promise<int64_t> last;
  std::function<void(result<reply>)> next = [&](result<reply> r) {
    if (!r || r->integer == 1'000) return last.set_value(r ? r->integer : -1);
    c.client()->command({"INCR", "n"}, next);
  };
  c.client()->command({"INCR", "n"}, next);
  CHECK(take(last.get_future()) == 1'000);
}

TEST_CASE("redis: several threads share one connection, each sees its own replies") {
  server redis;
  connection c{redis.options()};
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&c, &right, t] {
      for (int i = 0; i < 200; ++i) {
        const auto word = std::to_string(t) + "/" + std::to_string(i);
        if (c.text({"ECHO", word}) == word) ++right;
      }
    });
  for (auto& t : threads) t.join();
  CHECK(right == 800);
}

TEST_CASE("redis: values far larger than the socket's buffers go through both ways") {
  server redis;
  connection c{redis.options()};
  std::string big(12u << 20, 'x');
  for (size_t i = 0; i < big.size(); i += 1'000) big[i] = static_cast<char>('a' + i % 23);
  CHECK(c.text({"SET", "big", big}) == "OK");
  CHECK(c.text({"GET", "big"}) == big);
}

TEST_CASE("redis: a name is resolved") {
  server redis;
  auto options = redis.options();
  options.host = "localhost";
  connection c{options};
  CHECK(c.opened());
}

TEST_CASE("redis: password right, wrong, missing, and where none is needed") {
  server redis{{"--requirepass", "sesame"}};
  auto options = redis.options();
  {
    connection missing{options};
    const auto why = missing.opened();
    REQUIRE_FALSE(why);
    CHECK(why.error().code == errc::unauthorized);
    CHECK(names(why.error().detail, "127.0.0.1:" + std::to_string(redis.port())));
    CHECK(names(why.error().detail, "REDIS_PASSWORD"));
  }
  options.password = "open";
  {
    connection wrong{options};
    const auto why = wrong.opened();
    REQUIRE_FALSE(why);
    CHECK(why.error().code == errc::unauthorized);
    CHECK(names(why.error().detail, "WRONGPASS"));
    CHECK_FALSE(names(why.error().detail, "open"));
    CHECK(wrong.call({"PING"}).error().code == errc::unauthorized);
  }
  options.password = "sesame";
  {
    connection right{options};
    CHECK(right.opened());
    CHECK(right.text({"PING"}) == "PONG");
  }
  server open;
  options.port = open.port();
  connection needless{options};
  CHECK(needless.opened().error().code == errc::unauthorized);
}

TEST_CASE("redis: user and password, a user with few rights, and one that may not ask INFO") {
  server redis;
  {
    connection admin{redis.options()};
    CHECK(admin.text({"ACL", "SETUSER", "reader", "on", ">pw", "~session:*", "+get", "+strlen", "+info"}) ==
          "OK");
    CHECK(admin.text({"ACL", "SETUSER", "blind", "on", ">pw", "~*", "+get"}) == "OK");
  }
  auto options = redis.options();
  options.username = "reader";
  options.password = "pw";
  {
    connection reader{options};
    CHECK(reader.opened()->size() == 40);
    CHECK(reader.call({"GET", "session:1"})->type == kind::nil);
    const auto refused = reader.call({"SET", "session:1", "x"});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::forbidden);
    CHECK(reader.call({"GET", "other"}).error().code == errc::forbidden);
  }
  options.username = "blind";
  {
    connection blind{options};
    const auto run_id = blind.opened();
    REQUIRE(run_id);
    CHECK(run_id->empty());
    CHECK(blind.call({"GET", "a"})->type == kind::nil);
  }
  options.username = "nobody";
  connection nobody{options};
  CHECK(nobody.opened().error().code == errc::unauthorized);
}

TEST_CASE("redis: a server that takes no writes says so, and reads go on") {
  server redis;
  connection c{redis.options()};
  CHECK(c.text({"SET", "k", "v"}) == "OK");
  const auto refused = [&](const char* word) {
    const auto r = c.call({"SET", "k", "w"});
    REQUIRE_FALSE(r);
    CHECK(r.error().code == errc::no_memory);
    CHECK(names(r.error().detail, word));
    CHECK(c.text({"GET", "k"}) == "v");
  };
  CHECK(c.text({"CONFIG", "SET", "maxmemory", "1"}) == "OK");
  refused("OOM");
  CHECK(c.text({"CONFIG", "SET", "maxmemory", "0"}) == "OK");
  CHECK(c.text({"CONFIG", "SET", "min-replicas-to-write", "1"}) == "OK");
  refused("NOREPLICAS");
  CHECK(c.text({"CONFIG", "SET", "min-replicas-to-write", "0"}) == "OK");
  CHECK(c.text({"REPLICAOF", "127.0.0.1", std::to_string(free_port())}) == "OK");
  refused("READONLY");
  CHECK(c.text({"CONFIG", "SET", "replica-serve-stale-data", "no"}) == "OK");
  CHECK(c.call({"GET", "k"}).error().code == errc::overloaded);
}

TEST_CASE(
    "redis: a refused command harms neither the connection nor its neighbours, and repeats no argument") {
  server redis;
  connection c{redis.options()};
  auto before = c.send({"SET", "k", "v"});
  auto unknown = c.send({"NOSUCH", "secret words"});
  auto wrong = c.send({"LPUSH", "k", "x"});
  auto after = c.send({"GET", "k"});
  CHECK(take(std::move(before)));
  const auto refused = take(std::move(unknown));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::rejected);
  CHECK(names(refused.error().detail, "NOSUCH"));
  CHECK_FALSE(names(refused.error().detail, "secret"));
  CHECK(take(std::move(wrong)).error().code == errc::rejected);
  CHECK(take(std::move(after))->text == "v");
}

TEST_CASE("redis: a command without connect, or without a word, ends as internal") {
  mw::io::loop_thread thread;
  mw::redis::client c{thread.get(), {}};
  std::promise<errc> code;
  c.command({"PING"}, [&](result<reply> r) { code.set_value(r ? errc{} : r.error().code); });
  CHECK(take(code.get_future()) == errc::internal);
  server redis;
  connection ready{redis.options()};
  CHECK(ready.call({}).error().code == errc::internal);
  CHECK(ready.text({"PING"}) == "PONG");
}
