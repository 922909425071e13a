#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "tests/unit/memory_api/harness.hpp"

using namespace mw;
using namespace mw::memory_api;
using memory::commit_outcome;

namespace {
http::server::handler handler_of(const routes& api) {
  return [&api](const http::server_request& r) {
    std::string target;
    for (const auto& s : r.segments) target += "/" + s;
    return api.ask(r.method, r.query.empty() ? target : target + "?" + r.query, r.body, r.headers);
  };
}

http::server::handler always(http::server_response answer) {
  return [answer](const http::server_request&) { return answer; };
}
}  // namespace

TEST_CASE("what a commit stores is what the next read returns") {
  routes api;
  served client{handler_of(api)};
  const std::string user = "user/1 ü&=?";
  auto before = client.read(user, "s");
  REQUIRE(before);
  CHECK_FALSE(before->conversation);
  CHECK_FALSE(before->user);

  auto c = commit_over(user, "s", 0, 4);
  c.operations = {addition("chess", 1), addition("unproven", 9)};
  const auto reply = client.write(c);
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::stored);
  CHECK(reply->operations_applied == 1);
  CHECK(reply->operations_dropped == 1);

  const auto after = client.read(user, "s");
  REQUIRE(after);
  REQUIRE(after->conversation);
  CHECK(after->conversation->through == position(4));
  CHECK(after->conversation->summary == "Summary up to 4.");
  CHECK_FALSE(after->conversation->etag.empty());
  REQUIRE(after->user);
  CHECK(after->user->lists.at(static_cast<size_t>(memory::category::interests)) ==
        std::vector<std::string>{"chess"});
  const auto again = client.write(c);
  REQUIRE(again);
  CHECK(again->outcome == commit_outcome::covered);
}

TEST_CASE("a commit whose record is gone is told to load anew, one of a forgotten user is dropped") {
  routes api;
  served client{handler_of(api)};
  auto c = commit_over("u", "s", 4, 8);
  auto reply = client.write(c);
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::reload);
  c = commit_over("u", "s", 0, 8);
  c.profile_existed = true;
  reply = client.write(c);
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::forgotten);
}

TEST_CASE("a wrong token is refused, the right one passes the probe") {
  routes api{"secret"};
  served stranger{handler_of(api), "guess"};
  const auto refused = stranger.read("u", "s");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::unauthorized);
  CHECK(refused.error().from == dependency::memory);
  CHECK_FALSE(stranger.probe());
  served friendly{handler_of(api), "secret"};
  CHECK(friendly.probe());
}

TEST_CASE("a program that is no Memory API is named as such by the probe") {
  for (const auto& answer : {http::problem(404, "Not Found", ""), http::server_response{}}) {
    served client{always(answer)};
    const auto found = client.probe();
    REQUIRE_FALSE(found);
    CHECK(found.error().code == errc::misconfigured);
    CHECK(found.error().detail.find("/internal/context") != std::string::npos);
  }
}

TEST_CASE("an overloaded store is told apart and its wish to wait is kept") {
  auto busy = http::problem(503, "Service Unavailable", "SQLite: database is locked");
  busy.headers.emplace_back("Retry-After", "2");
  served client{always(busy)};
  const auto reply = client.write(commit_over("u", "s", 0, 2));
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::overloaded);
  CHECK(reply.error().retry_after == std::chrono::seconds{2});
}

TEST_CASE("an answer that cannot be read is a failure, never an empty memory") {
  http::server_response garbage;
  garbage.body = "{\"conversation\":";
  served client{always(garbage)};
  const auto read = client.read("u", "s");
  REQUIRE_FALSE(read);
  CHECK(read.error().code == errc::malformed);
}

TEST_CASE("documents of another user are never taken for this user's") {
  http::server_response other;
  other.body = R"({"conversation":null,"profile":{"userId":"other","interests":["secret"]},"etags":{}})";
  served client{always(other)};
  const auto read = client.read("u", "s");
  REQUIRE_FALSE(read);
  CHECK(read.error().code == errc::malformed);
}

TEST_CASE("a store that is not there is unreachable") {
  io::loop_thread loop;
  http::client client{loop.get(), {}};
  uint16_t port = 0;
  {
    auto server = http::server::start({}, always({}));
    REQUIRE(server);
    port = (*server)->port();
  }
  auto store = http_store::make(client, {fmt::format("http://127.0.0.1:{}", port)});
  REQUIRE(store);
  std::promise<status> answer;
  (*store)->probe([&](status r) { answer.set_value(std::move(r)); });
  const auto probe = answer.get_future().get();
  REQUIRE_FALSE(probe);
  CHECK(probe.error().code == errc::unreachable);
  CHECK(probe.error().from == dependency::memory);
}

TEST_CASE("an endpoint that is no URL is refused with an example") {
  io::loop_thread loop;
  http::client client{loop.get(), {}};
  for (const char* url : {"", "memory-api:8003", "ftp://x", "http://", "http://x?y=1"}) {
    CAPTURE(url);
    const auto store = http_store::make(client, {url});
    REQUIRE_FALSE(store);
    CHECK(store.error().code == errc::misconfigured);
  }
}

TEST_CASE("eight writers at once lose no operation and move no watermark back") {
  constexpr int writers = 8;
  constexpr int last_message = 24;
  routes api;
  served client{handler_of(api)};
  std::atomic<int> failures{0};
  // Two writers race for each of four sessions; message n says item n of that session.
  const auto work = [&](int writer) {
    const std::string session = fmt::format("s{}", writer % 4);
    const auto in = static_cast<memory::category>(writer % 4);
    for (;;) {
      const auto context = client.read("u", session);
      if (!context) {
        ++failures;
        return;
      }
      int base = 0;
      if (context->conversation) base = std::stoi(context->conversation->through->id.substr(1));
      if (base >= last_message) return;
      const int through = std::min(last_message, base + 1 + writer % 3);
      auto c = commit_over("u", session, base, through);
      c.profile_existed = context->user.has_value();
      for (int n = base + 1; n <= through; ++n)
        c.operations.push_back(addition(fmt::format("item {} of {}", n, session), n, in));
      const auto reply = client.write(c);
      if (!reply || reply->outcome == commit_outcome::forgotten) ++failures;
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(writers);
  for (int i = 0; i < writers; ++i) threads.emplace_back(work, i);
  for (auto& t : threads) t.join();
  CHECK(failures == 0);
  for (int s = 0; s < 4; ++s) {
    const auto context = client.read("u", fmt::format("s{}", s));
    REQUIRE(context);
    CHECK(context->conversation->through == position(last_message));
    CHECK(context->user->lists.at(static_cast<size_t>(s)).size() == last_message);
    CHECK(context->user->applied.at(fmt::format("s{}", s)) == position(last_message));
  }
}
