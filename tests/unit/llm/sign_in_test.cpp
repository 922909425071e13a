#include <doctest/doctest.h>

#include "tests/unit/llm/bench.hpp"
#include "tests/unit/llm/fake_tokens.hpp"

using mw::errc;

namespace {

std::function<void(mw::llm::analyst_options&)> with(const std::shared_ptr<fake_tokens>& identity) {
  return [identity](mw::llm::analyst_options& o) {
    o.api_key.clear();
    o.identity = identity;
    o.scope = "https://cognitiveservices.azure.com/.default";
  };
}

server_response not_you() {
  server_response r;
  r.status = 401;
  r.body = R"({"error":{"code":"401","message":"Access token is missing, invalid, or expired."}})";
  return r;
}

}  // namespace

TEST_CASE("sign-in: a token of the identity goes with each request, of the configured scope") {
  const auto identity = std::make_shared<fake_tokens>();
  bench b{[](const server_request&) { return completion(good); }, 20s, with(identity)};
  REQUIRE(b.analyse().outcome);
  CHECK(b.probe());
  REQUIRE(b.requests().size() == 2);
  for (const auto& r : b.requests()) {
    CHECK(r.header("authorization") == "Bearer t1");
    CHECK(r.header("api-key").empty());
  }
  CHECK(identity->scopes() == std::vector<std::string>(2, "https://cognitiveservices.azure.com/.default"));
  CHECK(identity->refusals().empty());
}

TEST_CASE("sign-in: a refused token is reported and replaced once within the call") {
  const auto identity = std::make_shared<fake_tokens>();
  bench b{[](const server_request& r) {
            return r.header("authorization") == "Bearer t2" ? completion(good) : not_you();
          },
          20s, with(identity)};
  const auto a = b.analyse();
  REQUIRE(a.outcome);
  CHECK(a.used.calls == 1);
  CHECK(identity->refusals() == std::vector<std::string>{"https://cognitiveservices.azure.com/.default t1"});
}

TEST_CASE("sign-in: tokens that are refused again and again end the call as unauthorized") {
  const auto identity = std::make_shared<fake_tokens>();
  bench b{[](const server_request&) { return not_you(); }, 20s, with(identity)};
  const auto a = b.analyse();
  REQUIRE_FALSE(a.outcome);
  CHECK(a.outcome.error().code == errc::unauthorized);
  CHECK(a.outcome.error().detail.find("llm_analyzer.scope") != std::string::npos);
  CHECK(b.requests().size() == 2);
}

TEST_CASE("sign-in: a wrong API key is not tried twice") {
  bench b{[](const server_request&) { return not_you(); }};
  CHECK(b.analyse().outcome.error().code == errc::unauthorized);
  CHECK(b.requests().size() == 1);
}

TEST_CASE("sign-in: without a token nothing is sent, and the failure is the identity's in the LLM's name") {
  const auto identity = std::make_shared<fake_tokens>();
  identity->trouble = mw::fail(errc::unreachable, "managed identity: no route");
  bench b{[](const server_request&) { return completion(good); }, 20s, with(identity)};
  const auto a = b.analyse();
  REQUIRE_FALSE(a.outcome);
  CHECK(a.outcome.error().code == errc::unreachable);
  CHECK(a.outcome.error().from == mw::dependency::llm);
  CHECK(a.outcome.error().detail.find("managed identity: no route") != std::string::npos);
  CHECK(b.requests().empty());
}

TEST_CASE("sign-in: calls that wait for a token end as cancelled, with the token or without the analyst") {
  const auto identity = std::make_shared<fake_tokens>();
  identity->holds = true;
  bench b{[](const server_request&) { return completion(good); }, 20s, with(identity)};
  std::promise<mw::llm::answer> first;
  const auto id = b.llm->analyse(std::make_shared<mw::llm::analysis_input>(sample_input()), {},
                                 [&](mw::llm::answer a) { first.set_value(std::move(a)); });
  const auto go = std::exchange(identity->held, nullptr);
  b.llm->cancel(id);
  go(mw::azure::access_token{"t1", {}, {}});
  CHECK(first.get_future().get().outcome.error().code == errc::cancelled);
  std::promise<mw::llm::answer> second;
  b.llm->analyse(std::make_shared<mw::llm::analysis_input>(sample_input()), {},
                 [&](mw::llm::answer a) { second.set_value(std::move(a)); });
  b.llm.reset();
  identity->held(mw::azure::access_token{"t1", {}, {}});
  identity->held = nullptr;
  CHECK(second.get_future().get().outcome.error().code == errc::cancelled);
  CHECK(b.requests().empty());
}
