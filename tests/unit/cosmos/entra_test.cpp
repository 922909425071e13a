#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include "protocol/base/base64.hpp"
#include "protocol/base/json_writer.hpp"
#include "tests/unit/cosmos/fixture.hpp"

using namespace mw;
using namespace mw::cosmos;

namespace {

std::string token_for(std::string_view audience, std::chrono::seconds life) {
  const auto until = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + life);
  std::string claims;
  json_writer{claims}
      .begin_object()
      .field("aud", audience)
      .field("exp", static_cast<uint64_t>(until))
      .end_object();
  return base64url(R"({"alg":"none"})") + "." + base64url(claims) + ".c2ln";
}

/// Hands out tokens as the credential chain does, and notes what was asked.
class fake_tokens final : public azure::token_source {
 public:
  explicit fake_tokens(std::chrono::seconds first_life = std::chrono::hours{1}) : life_(first_life) {}

  void get(const std::string& scope, std::function<void(result<azure::access_token>)> done) override {
    const std::string audience = scope.substr(0, scope.size() - std::string_view{"/.default"}.size());
    if (scope.find(unknown_) != std::string::npos || broken_) {
      asked.push_back(scope);
      return done(fail(errc::unauthorized, broken_ ? "no link of the chain worked"
                                                   : "AADSTS500011: the resource principal was not found"));
    }
    asked.push_back(scope);
    done(azure::access_token{token_for(audience, life_), std::chrono::system_clock::now() + life_, {}});
  }
  void refused(const std::string&, const std::string&) override {
    ++refusals;
    life_ = std::chrono::hours{1};
  }
  void know_not(std::string scope_part) { unknown_ = std::move(scope_part); }
  void break_down() { broken_ = true; }

  std::vector<std::string> asked;
  int refusals = 0;

 private:
  std::chrono::seconds life_;
  std::string unknown_ = "nothing";
  bool broken_ = false;
};

world_options with(std::shared_ptr<fake_tokens> tokens, std::string audience) {
  world_options o;
  o.key.clear();
  o.tokens = std::move(tokens);
  o.audience = std::move(audience);
  return o;
}

}  // namespace

TEST_CASE("without a key an Entra token for the account's own audience signs in") {
  const auto tokens = std::make_shared<fake_tokens>();
  world w{with(tokens, "http://127.0.0.1")};
  REQUIRE(w.write(memory::make_commit(0, 1)));
  CHECK(w.record());
  for (const auto& scope : tokens->asked) CHECK(scope == "http://127.0.0.1/.default");
}

TEST_CASE("a tenant that does not know the account's audience is asked for the common one, once") {
  const auto tokens = std::make_shared<fake_tokens>();
  tokens->know_not("127.0.0.1");
  world w{with(tokens, "https://cosmos.azure.com")};
  REQUIRE(w.probe());
  REQUIRE(w.probe());
  CHECK(tokens->asked.front() == "http://127.0.0.1/.default");
  CHECK(std::count(tokens->asked.begin(), tokens->asked.end(), "http://127.0.0.1/.default") == 1);
}

TEST_CASE("a token that the account refuses as expired is renewed once") {
  const auto tokens = std::make_shared<fake_tokens>(std::chrono::seconds{-5});
  world w{with(tokens, {})};
  REQUIRE(w.probe());
  CHECK(tokens->refusals == 1);
  CHECK(w.retries("token") == 1);
}

TEST_CASE("403 with substatus 5300 renews the token, then names the role that is missing") {
  const auto tokens = std::make_shared<fake_tokens>();
  world w{with(tokens, {})};
  w.service().add_fault(forced(403, 5300, "", 1));
  REQUIRE(w.probe());
  CHECK(tokens->refusals == 1);
  w.service().add_fault(forced(403, 5300, "", 0));
  const auto probe = w.probe();
  REQUIRE_FALSE(probe);
  CHECK(probe.error().code == errc::forbidden);
  CHECK(tokens->refusals == 2);
  CHECK(probe.error().detail.find("Cosmos DB Built-in Data Contributor") != std::string::npos);
  CHECK(probe.error().detail.find("az cosmosdb sql role assignment create") != std::string::npos);
}

TEST_CASE("a wrong audience stays unauthorized and no token is in the detail") {
  const auto tokens = std::make_shared<fake_tokens>();
  world w{with(tokens, "https://somewhere.else")};
  const auto probe = w.probe();
  REQUIRE_FALSE(probe);
  CHECK(probe.error().code == errc::unauthorized);
  CHECK(probe.error().detail.find("eyJ") == std::string::npos);
}

TEST_CASE("a credential chain that has nothing is handed on as the memory store's failure") {
  const auto tokens = std::make_shared<fake_tokens>();
  tokens->break_down();
  world w{with(tokens, {})};
  const auto probe = w.probe();
  REQUIRE_FALSE(probe);
  CHECK(probe.error().code == errc::unauthorized);
  CHECK(probe.error().from == dependency::memory);
  CHECK(probe.error().detail == "no link of the chain worked");
}

namespace {

/// An identity with a thread of its own, as memory-api's.
class tokens_elsewhere final : public azure::token_source {
 public:
  void get(const std::string& scope, std::function<void(result<azure::access_token>)> done) override {
    thread_.get().post([this, scope, done = std::move(done)] {
      if (working) return known_.get(scope, done);
      done(fail(errc::unauthorized, "no link of the chain worked"));
    });
  }
  void refused(const std::string&, const std::string&) override {}
  std::atomic<bool> working{true};

 private:
  fake_tokens known_;
  io::loop_thread thread_;
};

std::thread::id thread_of_answer(world& w, bool& sent) {
  request what;
  what.op = operation::container;
  what.container = "conversations";
  std::promise<std::thread::id> told;
  w.items().send(what, w.core().deadline(), [&](const result<answer>& r) {
    sent = static_cast<bool>(r);
    told.set_value(std::this_thread::get_id());
  });
  auto f = told.get_future();
  REQUIRE(f.wait_for(std::chrono::seconds{30}) == std::future_status::ready);
  return f.get();
}

}  // namespace

TEST_CASE("what an identity says on a thread of its own is carried on, and ends, on the account's loop") {
  const auto tokens = std::make_shared<tokens_elsewhere>();
  world_options o;
  o.key.clear();
  o.tokens = tokens;
  world w{std::move(o)};
  bool sent = false;
  const auto loop = thread_of_answer(w, sent);
  CHECK(sent);
  tokens->working = false;
  CHECK(thread_of_answer(w, sent) == loop);
  CHECK_FALSE(sent);
}

TEST_CASE("a token that comes when the account is closed sends nothing any more") {
  class held_tokens final : public azure::token_source {
   public:
    void get(const std::string&, std::function<void(result<azure::access_token>)> done) override {
      waiting = std::move(done);
    }
    void refused(const std::string&, const std::string&) override {}
    std::function<void(result<azure::access_token>)> waiting;
  };
  const auto tokens = std::make_shared<held_tokens>();
  std::optional<failure> ended;
  {
    auto loop = std::make_unique<io::loop_thread>();
    http::client client{loop->get(), {}};
    account_options o;
    o.endpoint = "http://127.0.0.1:9";
    o.database = "memory_db";
    o.tokens = tokens;
    const auto a = account::make(loop->get(), client, std::move(o));
    REQUIRE(a);
    request what;
    what.op = operation::container;
    what.container = "conversations";
    (*a)->send(what, std::chrono::steady_clock::now() + std::chrono::seconds{30},
               [&](const result<answer>& r) { ended = r.error(); });
    (*a)->close();
  }
  REQUIRE(tokens->waiting);
  std::exchange(tokens->waiting, nullptr)(
      azure::access_token{"t", std::chrono::system_clock::now() + std::chrono::hours{1}, {}});
  REQUIRE(ended);
  CHECK(ended->code == errc::cancelled);
}
