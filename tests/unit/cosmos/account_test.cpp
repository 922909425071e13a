#include <doctest/doctest.h>

#include <thread>

#include "protocol/cosmos/signing.hpp"
#include "protocol/memory/documents_json.hpp"
#include "tests/unit/cosmos/fixture.hpp"

using namespace mw;
using namespace mw::cosmos;
using cosmos_standin::fault_kind;

namespace {

memory::commit chess() {
  auto c = memory::make_commit(0, 2);
  c.operations = {memory::op_add("chess", 1)};
  return c;
}

}  // namespace

TEST_CASE("the stand-in verifies what the account signs, also for ids beyond ASCII") {
  world w;
  auto c = chess();
  c.user_id = std::string{"Zoë 雪 %41+&=😀"};
  c.session_id = std::string{"séance 1"};
  REQUIRE(w.write(c));
  const auto read = w.read(c.user_id, c.session_id);
  REQUIRE(read);
  CHECK(read->conversation->summary == "They talked up to 2.");
  CHECK(memory::interests(*read->user) == std::vector<std::string>{"chess"});
}

TEST_CASE("a wrong key is unauthorized and names COSMOS_KEY") {
  world_options o;
  o.key = "YW5vdGhlci1rZXk=";
  world w{o};
  const auto read = w.read();
  REQUIRE_FALSE(read);
  CHECK(read.error().code == errc::unauthorized);
  CHECK(read.error().from == dependency::memory);
  CHECK(read.error().detail.find("is COSMOS_KEY this account's key") != std::string::npos);
  CHECK(read.error().detail.find(o.key) == std::string::npos);
}

TEST_CASE("a clock that is wrong by an hour is named as the cause") {
  world_options o;
  o.skew = std::chrono::hours{1};
  world w{o};
  const auto read = w.read();
  REQUIRE_FALSE(read);
  CHECK(read.error().code == errc::unauthorized);
  CHECK(read.error().detail.find("this machine's clock is 60 minutes behind the service's") !=
        std::string::npos);
}

TEST_CASE("a short 429 is waited for, and the wait is counted") {
  world w;
  auto rule = forced(429, 3200, "read", 2);
  rule.retry_after_ms = 3;
  w.service().add_fault(rule);
  REQUIRE(w.read());
  CHECK(w.retries("throttled") == 2);
  CHECK(w.charge() > 0);
}

TEST_CASE("a long 429 is handed on with its time") {
  world w;
  auto rule = forced(429, 3200, "read", 0);
  rule.retry_after_ms = 7'500;
  w.service().add_fault(rule);
  const auto read = w.read();
  REQUIRE_FALSE(read);
  CHECK(read.error().code == errc::throttled);
  CHECK(read.error().retry_after == std::chrono::milliseconds{7'500});
  CHECK(w.retries("throttled") == 0);
}

TEST_CASE("a 429 without end is given up within a bounded number of requests") {
  world w;
  auto rule = forced(429, 0, "create", 0);
  rule.retry_after_ms = 1;
  w.service().add_fault(rule);
  const auto done = w.write(chess());
  REQUIRE_FALSE(done);
  CHECK(done.error().code == errc::throttled);
  CHECK(w.count("create") == 10);
}

TEST_CASE("449 is asked again") {
  world w;
  w.service().add_fault(forced(449, 0, "create", 2));
  REQUIRE(w.write(chess()));
  CHECK(w.retries("retry-with") == 2);
  CHECK(w.record());
}

TEST_CASE("a read meets an ill replica twice and gets its answer from the third") {
  world w;
  w.service().add_fault(forced(503, 0, "read", 1));
  w.service().add_fault(forced(410, 0, "read", 1));
  REQUIRE(w.read());
  CHECK(w.retries("unavailable") == 2);
}

TEST_CASE("an account that stays unavailable is overloaded: the caller's matter") {
  world w;
  w.service().add_fault(forced(503, 0, "", 0));
  const auto read = w.read();
  REQUIRE_FALSE(read);
  CHECK(read.error().code == errc::overloaded);
  const auto done = w.write(chess());
  REQUIRE_FALSE(done);
  CHECK(done.error().code == errc::overloaded);
}

TEST_CASE("a region that is failing over refuses writes for a moment: no permission is missing") {
  world w;
  w.service().add_fault(forced(403, 3, "create", 0));
  const auto done = w.write(chess());
  REQUIRE_FALSE(done);
  CHECK(done.error().code == errc::overloaded);
}

TEST_CASE("a replica behind our session token is asked again until it has caught up") {
  world w;
  REQUIRE(w.write(chess()));
  auto lag = trouble(fault_kind::lag, "read", 0, 3);
  lag.behind = 1;
  w.service().add_fault(lag);
  const auto read = w.read();
  REQUIRE(read);
  REQUIRE(read->conversation);
  REQUIRE(read->user);
  CHECK(w.retries("session") >= 2);
}

TEST_CASE("session tokens that lead nowhere are dropped: a container made anew is read again") {
  world w;
  REQUIRE(w.write(chess()));
  w.service().add_fault(trouble(fault_kind::lag, "read", 0, 12));
  const auto stuck = w.read();
  REQUIRE_FALSE(stuck);
  CHECK(stuck.error().code == errc::overloaded);
  // Both reads, six tries each, met the knob; without tokens the lagging replica would answer too.
  CHECK(w.count("read") >= 12);
  REQUIRE(w.read());
}

TEST_CASE("a missing database or container is not a new user") {
  world_options o;
  o.database = "another";
  world w{o};
  const auto read = w.read();
  REQUIRE_FALSE(read);
  CHECK(read.error().code == errc::not_found);
  CHECK(read.error().detail.find("COSMOS_DATABASE_NAME") != std::string::npos);
  const auto probe = w.probe();
  REQUIRE_FALSE(probe);
  CHECK(probe.error().code == errc::not_found);
}

TEST_CASE("the probe looks at both containers and at what they are partitioned by") {
  CHECK(world{}.probe());
  world_options o;
  o.partition_key = "/id";
  world w{o};
  const auto probe = w.probe();
  REQUIRE_FALSE(probe);
  CHECK(probe.error().code == errc::misconfigured);
  CHECK(probe.error().detail == "the container user-memories is not partitioned by /userId");
}

TEST_CASE("ids that the service refuses are rejected without a request") {
  world w;
  for (const auto& [user, session] : std::vector<std::pair<std::string, std::string>>{
           {"a/b", "s"}, {"u", "s#1"}, {std::string(600, 'u'), std::string(600, 's')}}) {
    const auto read = w.read(user, session);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == errc::not_storable);
    CHECK(read.error().detail.find("Cosmos DB takes no such id") == 0);
  }
}

TEST_CASE("the stand-in refuses a body of another partition, and a document over 2 MB") {
  world w;
  request wrong{operation::create, "conversations", "u", "x", R"({"id":"x","userId":"other"})", {}, {}};
  const auto mismatch = w.send(wrong);
  REQUIRE_FALSE(mismatch);
  CHECK(mismatch.error().code == errc::rejected);
  CHECK(mismatch.error().detail.find("substatus 1001") != std::string::npos);
  auto large = chess();
  large.summary = std::string((2u << 20) + 1, 'x');
  const auto done = w.write(large);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == errc::too_large);
}

TEST_CASE("an endpoint, a database or a key that cannot work is told at once") {
  io::loop_thread loop;
  http::client client{loop.get(), {}};
  const auto problem = [&](const char* endpoint, const char* database, const char* key) {
    account_options o;
    o.endpoint = endpoint;
    o.database = database;
    o.key = key;
    const auto a = account::make(loop.get(), client, o);
    REQUIRE_FALSE(a);
    CHECK(a.error().code == errc::misconfigured);
    return a.error().detail;
  };
  CHECK(problem("a.documents.azure.com", "d", "YQ==").starts_with("COSMOS_ENDPOINT is not a URL"));
  CHECK(problem("https://a/path", "d", "YQ==").starts_with("COSMOS_ENDPOINT is not a URL"));
  CHECK(problem("https://a", "", "YQ==") == "COSMOS_DATABASE_NAME is empty");
  CHECK(problem("https://a", "d", "no key").find("not base64") != std::string::npos);
  CHECK(problem("https://a", "d", "") ==
        "COSMOS_ENDPOINT is set, but neither COSMOS_KEY nor an Entra identity");
}

TEST_CASE("what waits for its next try ends when the store is closed") {
  std::promise<result<answer>> ended;
  {
    world w;
    auto rule = forced(429, 0, "read", 0);
    rule.retry_after_ms = 900;
    w.service().add_fault(rule);
    w.items().send(read_profile_request(w.core(), "u"), w.core().deadline(),
                   [&ended](result<answer> a) { ended.set_value(std::move(a)); });
    while (w.retries("throttled") == 0) std::this_thread::yield();
  }
  const auto a = ended.get_future().get();
  REQUIRE_FALSE(a);
  CHECK(a.error().code == errc::cancelled);
}
