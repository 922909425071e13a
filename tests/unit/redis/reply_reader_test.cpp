#include "protocol/redis/reply_reader.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using mw::errc;
using mw::redis::meaning_of;
using mw::redis::raw_reply;
using mw::redis::reply_reader;

namespace {

struct expectation {
  const char* line;
  errc code;
};

}  // namespace

TEST_CASE("redis errors: each line has its meaning, with the place and what to do") {
  const std::vector<expectation> table = {
      {"NOAUTH Authentication required.", errc::unauthorized},
      {"WRONGPASS invalid username-password pair or user is disabled.", errc::unauthorized},
      {"ERR AUTH <password> called without any password configured", errc::unauthorized},
      {"ERR invalid password", errc::unauthorized},
      {"NOPERM this user has no permissions to run the 'set' command", errc::forbidden},
      {"DENIED Redis is running in protected mode", errc::forbidden},
      {"LOADING Redis is loading the dataset in memory", errc::overloaded},
      {"TRYAGAIN Multiple keys request during rehashing of slot", errc::overloaded},
      {"CLUSTERDOWN The cluster is down", errc::overloaded},
      {"MASTERDOWN Link with MASTER is down", errc::overloaded},
      {"BUSY Redis is busy running a script", errc::overloaded},
      {"ERR max number of clients reached", errc::overloaded},
      {"OOM command not allowed when used memory > 'maxmemory'.", errc::no_memory},
      {"READONLY You can't write against a read only replica.", errc::no_memory},
      {"MISCONF Redis is configured to save RDB snapshots", errc::no_memory},
      {"NOREPLICAS Not enough good replicas to write.", errc::no_memory},
      {"MOVED 3999 127.0.0.1:6381", errc::overloaded},
      {"ASK 3999 127.0.0.1:6381", errc::overloaded},
      {"WRONGTYPE Operation against a key holding the wrong kind of value", errc::rejected},
      {"ERR syntax error", errc::rejected},
      {"BUSYGROUP Consumer Group name already exists", errc::rejected},
      {"LOADINGX", errc::rejected},
      {"", errc::rejected},
  };
  for (const auto& row : table) {
    CAPTURE(std::string{row.line});
    const auto f = meaning_of(row.line, "redis.test:6379");
    CHECK(f.code == row.code);
    CHECK(f.from == mw::dependency::redis);
    CHECK(f.detail.starts_with("redis.test:6379: " + std::string{row.line}));
  }
  CHECK(meaning_of("NOAUTH x", "h").detail.find("REDIS_PASSWORD") != std::string::npos);
  CHECK(meaning_of("NOPERM x", "h", "SET", "session:*").detail.find("+set on ~session:*") !=
        std::string::npos);
  CHECK(meaning_of("ERR " + std::string(5'000, 'x'), "h").detail.size() < 300);
}

TEST_CASE("redis reader: replies split at every byte are the same replies") {
  const std::string bytes = "+OK\r\n$3\r\na\r\n\r\n-ERR no\r\n*2\r\n:7\r\n*1\r\n$-1\r\n$0\r\n\r\n*0\r\n";
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    std::vector<raw_reply> seen;
    reply_reader reader{1'000, [&](raw_reply r) {
                          seen.push_back(std::move(r));
                          return true;
                        }};
    REQUIRE(reader.receive(std::string_view{bytes}.substr(0, cut)));
    REQUIRE(reader.receive(std::string_view{bytes}.substr(cut)));
    REQUIRE(seen.size() == 6);
    CHECK(seen[0].value.text == "OK");
    CHECK(seen[1].value.text == "a\r\n");
    CHECK(seen[2].is_error);
    CHECK(seen[2].value.text == "ERR no");
    REQUIRE(seen[3].value.items.size() == 2);
    CHECK(seen[3].value.items[0].integer == 7);
    CHECK(seen[3].value.items[1].items.at(0).type == mw::redis::reply::kind::nil);
    CHECK_FALSE(seen[3].is_error);
    CHECK(seen[4].value.text.empty());
    CHECK(seen[5].value.items.empty());
  }
}

TEST_CASE("redis reader: stops when its owner wants no more") {
  int seen = 0;
  reply_reader reader{1'000, [&](const raw_reply&) { return ++seen < 2; }};
  CHECK(reader.receive(":1\r\n:2\r\n:3\r\n"));
  CHECK(seen == 2);
}
