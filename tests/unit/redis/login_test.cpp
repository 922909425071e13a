#include <doctest/doctest.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "tests/unit/redis/fixture.hpp"

using namespace redis_test;
using namespace std::chrono_literals;
using mw::azure::access_token;
using system_clock = std::chrono::system_clock;

namespace {

const std::string oid = "6497c918-11ad-41e7-1b0f-7c518a87d0b0";

/// Issues tokens "token-1", "token-2", ... and behaves as the contract of token_source says.
class fake_entra : public mw::azure::token_source {
 public:
  explicit fake_entra(std::chrono::milliseconds life) : life_(life) {}

  void get(const std::string& scope, std::function<void(result<access_token>)> done) override {
    result<access_token> answer = mw::fail(errc::unauthorized, "no link of the chain works");
    {
      const std::lock_guard lock{mutex_};
      scopes.insert(scope);
      if (works) {
        // Refreshed at three quarters of its life.
        if (current_.value.empty() || dropped_ || system_clock::now() > current_.expires - life_ / 4) issue();
        answer = current_;
      }
    }
    done(std::move(answer));
  }
  void refused(const std::string&, const std::string& token) override {
    const std::lock_guard lock{mutex_};
    refusals.push_back(token);
    dropped_ = token == current_.value;
  }
  /// Whether a server lets this token in now.
  std::optional<system_clock::time_point> valid_until(const std::string& token) {
    const std::lock_guard lock{mutex_};
    const auto at = issued_.find(token);
    if (at == issued_.end() || at->second <= system_clock::now()) return std::nullopt;
    return at->second;
  }
  int count() {
    const std::lock_guard lock{mutex_};
    return static_cast<int>(issued_.size());
  }

  std::atomic<bool> works{true};
  std::function<void(const std::string& token)> on_issue = [](const std::string&) {};
  std::set<std::string> scopes;
  std::vector<std::string> refusals;
  std::string object_id = oid;

 private:
  void issue() {
    dropped_ = false;
    current_ = {"token-" + std::to_string(issued_.size() + 1), system_clock::now() + life_, object_id};
    issued_[current_.value] = current_.expires;
    on_issue(current_.value);
  }
  std::chrono::milliseconds life_;
  std::mutex mutex_;
  access_token current_;
  bool dropped_ = false;
  std::map<std::string, system_clock::time_point> issued_;
};

/// Redis as Azure runs it: a connection counts as logged in until its token expires, to the millisecond.
class strict_redis {
 public:
  explicit strict_redis(fake_entra& entra)
      : entra_(entra), speaker_([this](int fd, const args& command) { return answer(fd, command); }) {}
  client_options options() const { return speaker_.options(); }
  std::atomic<int> logins{0};

 private:
  std::string answer(int fd, const args& command) {
    if (command[0] == "AUTH") {
      const auto until =
          command.size() == 3 && command[1] == oid ? entra_.valid_until(command[2]) : std::nullopt;
      if (!until) return "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
      logged_in_until_[fd] = *until;
      ++logins;
      return "+OK\r\n";
    }
    const auto at = logged_in_until_.find(fd);
    if (at == logged_in_until_.end() || at->second <= system_clock::now())
      return "-NOAUTH Authentication required.\r\n";
    if (command[0] == "INFO") return speaker::text("run_id:r\r\nredis_mode:standalone\r\n");
    return speaker::text(command.at(1));
  }
  fake_entra& entra_;
  std::map<int, system_clock::time_point> logged_in_until_;
  speaker speaker_;
};

/// Keeps `width` commands in flight until it is destroyed; counts what failed.
class load {
 public:
  load(connection& c, int width) : client_(c.client()), open_(width) {
    for (int i = 0; i < width; ++i) next();
  }
  ~load() {
    stopping_ = true;
    take(stopped_.get_future());
  }
  int answered() const { return answered_; }
  int failed() const { return failed_; }

 private:
  void next() {
    client_->command({"ECHO", "word"}, [this](const result<reply>& r) {
      ++answered_;
      if (!r || r->text != "word") ++failed_;
      if (!stopping_) return next();
      if (--open_ == 0) stopped_.set_value();
    });
  }
  std::shared_ptr<mw::redis::client> client_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> open_;
  std::atomic<int> answered_{0};
  std::atomic<int> failed_{0};
  std::promise<void> stopped_;
};

client_options with(client_options o, const std::shared_ptr<fake_entra>& entra) {
  o.tokens = entra;
  return o;
}

}  // namespace

TEST_CASE("redis login: tokens that live two seconds are renewed on the live connection, no command fails") {
  const auto entra = std::make_shared<fake_entra>(2s);
  strict_redis redis{*entra};
  connection c{with(redis.options(), entra)};
  REQUIRE(c.opened());
  {
    load l{c, 200};
    until("three tokens were used", [&] { return redis.logins >= 3; });
    CHECK(l.failed() == 0);
    CHECK(l.answered() > 1'000);
  }
  CHECK(entra->scopes == std::set<std::string>{"https://redis.azure.com/.default"});
  CHECK(entra->refusals.empty());
  c.stop();
  CHECK(c.times_closed() == 0);
}

TEST_CASE("redis login: the same against a real server over TLS, the passwords of an ACL user as tokens") {
  authority ca;
  server redis{ca, ca.issue("DNS:localhost")};
  connection admin{redis.options()};
  CHECK(admin.text({"ACL", "SETUSER", oid, "on", "~*", "+@all"}) == "OK");
  const auto entra = std::make_shared<fake_entra>(1s);
  std::atomic<int> newest{0};
  entra->on_issue = [&](const std::string& token) {
    const int n = std::stoi(token.substr(6));
    CHECK(admin.text({"ACL", "SETUSER", oid, ">" + token}) == "OK");
    if (n > 2) CHECK(admin.text({"ACL", "SETUSER", oid, "<token-" + std::to_string(n - 2)}) == "OK");
    newest = n;
  };
  connection c{with(redis.tls_options(ca), entra)};
  REQUIRE(c.opened());
  {
    load l{c, 200};
    until("five tokens were used", [&] { return newest >= 5; });
    CHECK(l.failed() == 0);
  }
  CHECK(c.text({"ACL", "WHOAMI"}) == oid);
}

TEST_CASE(
    "redis login: a token Redis refuses ends the connection as unauthorized, and its source hears of it") {
  server redis;
  const auto entra = std::make_shared<fake_entra>(60s);
  connection c{with(redis.options(), entra)};
  const auto why = c.opened();
  REQUIRE_FALSE(why);
  CHECK(why.error().code == errc::unauthorized);
  CHECK(names(why.error().detail, oid));
  CHECK(names(why.error().detail, "access policy assignment"));
  CHECK_FALSE(names(why.error().detail, "token-1"));
  CHECK(entra->refusals == std::vector<std::string>{"token-1"});
}

TEST_CASE("redis login: a renewed token that is refused ends the live connection as unauthorized") {
  server redis;
  connection admin{redis.options()};
  CHECK(admin.text({"ACL", "SETUSER", oid, "on", "~*", "+@all", ">token-1"}) == "OK");
  const auto entra = std::make_shared<fake_entra>(500ms);
  connection c{with(redis.options(), entra)};
  REQUIRE(c.opened());
  CHECK(c.closed().code == errc::unauthorized);
  CHECK(c.call({"PING"}).error().code == errc::connection_lost);
  CHECK(entra->refusals == std::vector<std::string>{"token-2"});
}

TEST_CASE("redis login: without a token the reason of its source is the reason") {
  server redis;
  const auto entra = std::make_shared<fake_entra>(60s);
  entra->works = false;
  connection c{with(redis.options(), entra)};
  const auto why = c.opened();
  REQUIRE_FALSE(why);
  CHECK(why.error().code == errc::unauthorized);
  CHECK(why.error().from == mw::dependency::redis);
  CHECK(names(why.error().detail, "no link of the chain works"));
  const auto nameless = std::make_shared<fake_entra>(60s);
  nameless->object_id.clear();
  connection d{with(redis.options(), nameless)};
  CHECK(d.opened().error().code == errc::misconfigured);
}

TEST_CASE("redis login: a token may come later, from another thread, or when nobody wants it any more") {
  /// Answers when it is told to.
  class slow_entra : public mw::azure::token_source {
   public:
    void get(const std::string&, std::function<void(result<access_token>)> done) override {
      asked_.set_value(std::move(done));
    }
    void refused(const std::string&, const std::string&) override {}
    std::function<void(result<access_token>)> asked() { return take(asked_.get_future()); }

   private:
    std::promise<std::function<void(result<access_token>)>> asked_;
  };
  server redis;
  {
    connection admin{redis.options()};
    CHECK(admin.text({"ACL", "SETUSER", oid, "on", "~*", "+@all", ">late"}) == "OK");
  }
  const access_token late{"late", system_clock::now() + 1h, oid};
  auto options = redis.options();
  const auto entra = std::make_shared<slow_entra>();
  options.tokens = entra;
  connection c{options};
  auto waiting = c.send({"ACL", "WHOAMI"});
  const auto reply_of_it = [&] { return take(std::move(waiting)); };
  const auto answer = entra->asked();
  SUBCASE("another thread") {
    answer(late);
    CHECK(reply_of_it()->text == oid);
  }
  SUBCASE("nobody wants it") {
    c.stop();
    CHECK(reply_of_it().error().code == errc::cancelled);
    std::thread{[&] { answer(late); }}.join();
  }
  SUBCASE("a refusal") {
    answer(mw::fail(errc::timed_out, "the endpoint does not answer"));
    CHECK(reply_of_it().error().code == errc::timed_out);
  }
}

TEST_CASE("redis login: a source that fails for a while costs nothing while the token lives") {
  const auto entra = std::make_shared<fake_entra>(2s);
  strict_redis redis{*entra};
  connection c{with(redis.options(), entra)};
  REQUIRE(c.opened());
  entra->works = false;
  CHECK(c.text({"ECHO", "a"}) == "a");
  entra->works = true;
  load l{c, 10};
  until("the next token was used", [&] { return redis.logins >= 2; });
  CHECK(l.failed() == 0);
}

TEST_CASE("redis login: a server that forgot the log-in is told again, and no command fails for it") {
  SUBCASE("password") {
    server redis{{"--requirepass", "sesame"}};
    auto options = redis.options();
    options.password = "sesame";
    connection c{options};
    REQUIRE(c.opened());
    for (int i = 0; i < 3; ++i) {
      auto reset = c.send({"RESET"});
      std::vector<std::future<result<reply>>> behind;
      behind.reserve(50);
      for (int n = 0; n < 50; ++n) behind.push_back(c.send({"ECHO", std::to_string(n)}));
      CHECK(take(std::move(reset)));
      for (int n = 0; n < 50; ++n)
        CHECK(take(std::move(behind[static_cast<size_t>(n)]))->text == std::to_string(n));
    }
  }
  SUBCASE("token") {
    const auto entra = std::make_shared<fake_entra>(300ms);
    strict_redis redis{*entra};
    connection c{with(redis.options(), entra)};
    REQUIRE(c.opened());
    entra->works = false;
    until("the token has expired", [&] { return !entra->valid_until("token-1"); });
    entra->works = true;
    CHECK(c.text({"ECHO", "a"}) == "a");
  }
}

TEST_CASE("redis login: the password was changed, and the server forgot the log-in: unauthorized") {
  server redis{{"--requirepass", "sesame"}};
  auto options = redis.options();
  options.password = "sesame";
  connection c{options};
  REQUIRE(c.opened());
  CHECK(c.text({"CONFIG", "SET", "requirepass", "other"}) == "OK");
  CHECK(c.text({"PING"}) == "PONG");  // Redis asks nobody twice
  CHECK(c.call({"RESET"}));
  CHECK(c.call({"PING"}).error().code == errc::connection_lost);
  const auto why = c.closed();
  CHECK(why.code == errc::unauthorized);
  CHECK(names(why.detail, "WRONGPASS"));
}

TEST_CASE("redis login: a forbidden command is named with the pattern of its key") {
  server redis;
  connection admin{redis.options()};
  CHECK(admin.text({"ACL", "SETUSER", "reader", "on", ">pw", "~session:*", "+get", "+strlen"}) == "OK");
  auto options = redis.options();
  options.username = "reader";
  options.password = "pw";
  connection c{options};
  const auto detail = [&](args argv) { return c.call(std::move(argv)).error().detail; };
  CHECK(names(detail({"SET", "session:1", "x"}), "+set on ~session:*"));
  CHECK(names(detail({"GET", "memory-worker:answer:u:s"}), "+get on ~memory-worker:*"));
  CHECK(names(detail({"PING"}), "+ping"));
}

TEST_CASE("redis login: a primary that becomes a replica is read on; one that lost its primary says so") {
  server primary;
  server replica;
  connection c{primary.options()};
  CHECK(c.text({"SET", "k", "v"}) == "OK");
  connection r{replica.options()};
  CHECK(r.text({"REPLICAOF", "127.0.0.1", std::to_string(primary.port())}) == "OK");
  until("the replica has the data", [&] { return r.text({"GET", "k"}) == "v"; });
  CHECK(r.call({"SET", "k", "w"}).error().code == errc::no_memory);
  CHECK(r.text({"CONFIG", "SET", "replica-serve-stale-data", "no"}) == "OK");
  primary.kill_now();
  until("the loss is seen", [&] { return !r.call({"GET", "k"}); });
  const auto why = r.call({"GET", "k"});
  CHECK(why.error().code == errc::overloaded);
  CHECK(names(why.error().detail, "MASTERDOWN"));
  CHECK(r.text({"REPLICAOF", "NO", "ONE"}) == "OK");
  CHECK(r.text({"GET", "k"}) == "v");
  CHECK(r.text({"SET", "k", "w"}) == "OK");
}
