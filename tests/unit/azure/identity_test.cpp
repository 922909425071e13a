// The cache in front of the chain, with a credential that does as it is told.
#include "protocol/azure/identity.hpp"

#include <doctest/doctest.h>

#include <condition_variable>
#include <future>

using namespace std::chrono_literals;
using namespace mw;
using namespace mw::azure;

namespace {

constexpr const char* scope = "https://servicebus.azure.net/.default";

/// Answers from a script; without one it waits until it is told.
class scripted final : public credential {
 public:
  std::string_view name() const override { return "scripted"; }
  void fetch(const std::string&, credential_done done) override {
    const std::lock_guard lock{mutex_};
    ++asked_;
    held_.push_back(std::move(done));
    changed_.notify_all();
  }
  /// Waits until it was asked `n` times in all.
  void wait_asked(size_t n) {
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_for(lock, 10s, [&] { return asked_ >= n; }));
  }
  size_t asked() {
    const std::lock_guard lock{mutex_};
    return asked_;
  }
  credential_done take() {
    const std::lock_guard lock{mutex_};
    REQUIRE_FALSE(held_.empty());
    auto done = std::move(held_.front());
    held_.erase(held_.begin());
    return done;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t asked_ = 0;
  std::vector<credential_done> held_;
};

struct fixture {
  io::loop_thread thread;
  std::shared_ptr<scripted> link = std::make_shared<scripted>();
  std::atomic<int64_t> clock_ms{0};
  std::atomic<int> refresh_failures{0};
  std::atomic<int> sign_ins{0};
  std::shared_ptr<identity> it;

  explicit fixture(milliseconds wait_limit = 10s) {
    identity_options o;
    o.wait_limit = wait_limit;
    o.now = [this] { return io::clock::time_point{std::chrono::milliseconds{1'000'000 + clock_ms.load()}}; };
    o.refresh_failed = [this](const std::string&, const failure&) { ++refresh_failures; };
    o.signed_in = [this](const std::string&, const std::string& from) {
      if (from == "scripted") ++sign_ins;
    };
    it = std::make_shared<identity>(
        thread.get(), std::make_shared<credential_chain>(std::vector<std::shared_ptr<credential>>{link}), o);
  }
  using answer = std::future<result<access_token>>;
  answer ask() {
    auto told = std::make_shared<std::promise<result<access_token>>>();
    it->get(scope, [told](result<access_token> r) { told->set_value(std::move(r)); });
    return told->get_future();
  }
  static result<access_token> await(answer& a) {
    REQUIRE(a.wait_for(10s) == std::future_status::ready);
    return a.get();
  }
  void reply(credential_answer a) {
    std::promise<void> done;
    thread.get().post([&, f = link->take()] {
      f(std::move(a));
      done.set_value();
    });
    done.get_future().wait();
  }
  void grant_token(const std::string& token, milliseconds life) { reply({grant{token, life, {}}}); }
  void refuse(errc code) { reply({fail(code, "as told")}); }
};

}  // namespace

TEST_CASE(
    "identity: any number of waiters share one request; later ones are answered at once from the cache") {
  fixture f;
  std::vector<fixture::answer> answers;
  answers.reserve(5);
  for (int i = 0; i < 5; ++i) answers.push_back(f.ask());
  f.link->wait_asked(1);
  f.grant_token("one", 1h);
  for (auto& a : answers) CHECK(fixture::await(a)->value == "one");
  bool at_once = false;
  f.it->get(scope, [&](const result<access_token>& r) { at_once = r && r->value == "one"; });
  CHECK(at_once);
  CHECK(f.link->asked() == 1);
}

TEST_CASE("identity: the end handed out is counted by our own wall clock, whatever that says") {
  fixture f;
  auto first = f.ask();
  f.link->wait_asked(1);
  f.grant_token("one", 1h);
  CHECK(fixture::await(first)->expires - std::chrono::system_clock::now() > 59min);
  f.clock_ms += 1'800'000;
  auto second = f.ask();
  const auto left = fixture::await(second)->expires - std::chrono::system_clock::now();
  CHECK(left > 29min);
  CHECK(left < 31min);
}

TEST_CASE("identity: a token is refreshed in the background; meanwhile the old one is handed out") {
  fixture f;
  auto first = f.ask();
  f.link->wait_asked(1);
  f.grant_token("old", 100ms);
  CHECK(fixture::await(first)->value == "old");
  f.link->wait_asked(2);  // nobody asked for it
  auto meanwhile = f.ask();
  CHECK(fixture::await(meanwhile)->value == "old");
  f.grant_token("new", 1h);
  auto after = f.ask();
  CHECK(fixture::await(after)->value == "new");
  CHECK(f.sign_ins == 1);
}

TEST_CASE(
    "identity: a failed background refresh is tried again, and nobody notices while the old token lives") {
  fixture f;
  auto first = f.ask();
  f.link->wait_asked(1);
  f.grant_token("old", 400ms);
  CHECK(fixture::await(first));
  f.link->wait_asked(2);
  f.refuse(errc::unreachable);
  f.link->wait_asked(3);
  f.refuse(errc::unreachable);
  f.link->wait_asked(4);
  auto meanwhile = f.ask();
  CHECK(fixture::await(meanwhile)->value == "old");
  CHECK(f.refresh_failures == 1);
  f.grant_token("new", 1h);
  auto after = f.ask();
  CHECK(fixture::await(after)->value == "new");
}

TEST_CASE("identity: without a token the next attempt waits for a pause, and a later get for that attempt") {
  fixture f;
  auto first = f.ask();
  f.link->wait_asked(1);
  f.refuse(errc::unauthorized);
  const auto r = fixture::await(first);
  REQUIRE_FALSE(r);
  CHECK(r.error().code == errc::unauthorized);
  CHECK(r.error().detail == std::string{"no Entra token for "} + scope + ": scripted: as told");
  auto second = f.ask();
  CHECK(second.wait_for(0s) == std::future_status::timeout);
  CHECK(f.link->asked() == 1);
  f.link->wait_asked(2);
  f.grant_token("at last", 1h);
  CHECK(fixture::await(second)->value == "at last");
}

TEST_CASE("identity: a waiter is answered in finite time even if no link ever answers") {
  fixture f{50ms};
  auto a = f.ask();
  const auto r = fixture::await(a);
  REQUIRE_FALSE(r);
  CHECK(r.error().code == errc::timed_out);
}

TEST_CASE("identity: a refused token is replaced once, and no more often than once a minute") {
  fixture f;
  auto first = f.ask();
  f.link->wait_asked(1);
  f.grant_token("one", 1h);
  CHECK(fixture::await(first));
  f.it->refused(scope, "something older");
  auto unchanged = f.ask();
  CHECK(fixture::await(unchanged)->value == "one");
  f.it->refused(scope, "one");
  auto second = f.ask();
  f.link->wait_asked(2);
  f.grant_token("two", 1h);
  CHECK(fixture::await(second)->value == "two");
  f.it->refused(scope, "two");
  auto within_a_minute = f.ask();
  CHECK(fixture::await(within_a_minute)->value == "two");
  f.clock_ms += 61'000;
  f.it->refused(scope, "two");
  auto third = f.ask();
  f.link->wait_asked(3);
  f.grant_token("three", 1h);
  CHECK(fixture::await(third)->value == "three");
}

TEST_CASE("identity: tells which link gave the token, and it ends while a request is under way") {
  fixture f;
  CHECK(f.it->report(scope).empty());
  auto first = f.ask();
  f.link->wait_asked(1);
  f.grant_token("one", 1h);
  CHECK(fixture::await(first));
  const auto links = f.it->report(scope);
  REQUIRE(links.size() == 1);
  CHECK(links[0].link == "scripted");
  CHECK(links[0].used);
  f.it->refused(scope, "one");
  auto pending = f.ask();
  f.link->wait_asked(2);
  f.it.reset();
  f.grant_token("too late", 1h);
}

// Issue: a request that waited for a token kept the identity, and the identity kept the request.
TEST_CASE("identity: closed, it answers who waits in a pause, and is kept by nobody") {
  fixture f;
  auto first = f.ask();
  f.link->wait_asked(1);
  f.refuse(errc::unreachable);
  CHECK_FALSE(fixture::await(first));
  auto second = f.ask();
  f.it->get(scope, [keeps = f.it](const result<access_token>&) {});
  f.it->close();
  CHECK(fixture::await(second).error().code == errc::cancelled);
  auto late = f.ask();
  CHECK(fixture::await(late).error().code == errc::cancelled);
  const std::weak_ptr<identity> seen = std::exchange(f.it, nullptr);
  std::promise<void> turn;
  f.thread.get().post([&] { turn.set_value(); });
  turn.get_future().wait();
  CHECK(seen.expired());
  CHECK(f.link->asked() == 1);
}

TEST_CASE(
    "identity: closed while a token is fetched, it answers who waits, and what comes of it does no harm") {
  fixture f;
  auto waiting = f.ask();
  f.link->wait_asked(1);
  f.it->close();
  CHECK(fixture::await(waiting).error().code == errc::cancelled);
  f.grant_token("late", 1h);
  auto next = f.ask();
  CHECK_FALSE(fixture::await(next));
}
