#include "protocol/llm/analyst.hpp"

#include <doctest/doctest.h>
#include <simdjson.h>

#include <atomic>
#include <thread>

#include "tests/unit/llm/bench.hpp"

using mw::errc;
using mw::llm::analyst;

TEST_CASE("analyst: one call gives the validated analysis, what it cost and what was dropped") {
  bench b{[](const server_request&) { return completion(good); }};
  const auto a = b.analyse();
  REQUIRE(a.outcome);
  CHECK(a.outcome->summary == "Tents.");
  REQUIRE(a.outcome->operations.size() == 1);
  CHECK(a.outcome->operations[0].evidence.id == "b_user");
  CHECK(a.outcome->dropped_for(mw::llm::drop_cause::not_user) == 1);
  CHECK(a.used.prompt_tokens == 100);
  CHECK(a.used.calls == 1);
  CHECK(a.model == "stand-in");
  CHECK(a.raw == good);
  const auto requests = b.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].path == "/openai/deployments/dep/chat/completions");
  CHECK(requests[0].parameter("api-version") == "2024-10-21");
  CHECK(requests[0].header("api-key") == "key-1");
  CHECK(requests[0].header("content-type") == "application/json");
}

TEST_CASE(
    "analyst: a refused parameter is changed within the call, and never sent to that deployment again") {
  bench b{[](const server_request& r) {
    if (r.body.find("\"max_completion_tokens\"") != std::string::npos)
      return unsupported("max_completion_tokens");
    if (r.body.find("\"temperature\"") != std::string::npos) return unsupported("temperature");
    return completion(good);
  }};
  const auto first = b.analyse();
  REQUIRE(first.outcome);
  CHECK(first.used.calls == 3);
  CHECK(b.requests().size() == 3);
  const auto second = b.analyse();
  REQUIRE(second.outcome);
  CHECK(second.used.calls == 1);
  const auto last = b.requests().back().body;
  CHECK(last.find("\"max_tokens\":1500") != std::string::npos);
  CHECK(last.find("temperature") == std::string::npos);
}

TEST_CASE("analyst: a server that refuses the same parameter for ever is not asked for ever") {
  bench b{[](const server_request&) { return unsupported("temperature"); }};
  const auto a = b.analyse();
  REQUIRE_FALSE(a.outcome);
  CHECK(a.outcome.error().code == errc::unsupported_parameter);
  CHECK(b.requests().size() == 2);
}

TEST_CASE("analyst: calls at the same time learn together") {
  bench b{[](const server_request& r) {
    if (r.body.find("\"temperature\"") != std::string::npos) return unsupported("temperature");
    return completion(good);
  }};
  std::vector<std::promise<mw::llm::answer>> promises(6);
  for (auto& p : promises)
    b.llm->analyse(std::make_shared<mw::llm::analysis_input>(sample_input()), {},
                   [&p](mw::llm::answer a) { p.set_value(std::move(a)); });
  for (auto& p : promises) CHECK(p.get_future().get().outcome);
}

TEST_CASE("analyst: an answer that does not fit keeps its text for a repair") {
  bench b{[](const server_request&) { return completion("{\"summary\":7}"); }};
  const auto a = b.analyse();
  REQUIRE_FALSE(a.outcome);
  CHECK(a.outcome.error().code == errc::invalid_answer);
  CHECK(a.raw == "{\"summary\":7}");
  CHECK(a.used.prompt_tokens == 100);
}

TEST_CASE("analyst: failures of the connection are the LLM's, a silent server ends at the time-out") {
  std::promise<void> release;
  auto gate = release.get_future().share();
  bench b{[gate](const server_request&) {
            gate.wait();
            return completion(good);
          },
          150ms};
  const auto a = b.analyse();
  release.set_value();
  REQUIRE_FALSE(a.outcome);
  CHECK(a.outcome.error().code == errc::timed_out);
  CHECK(a.outcome.error().from == mw::dependency::llm);
  CHECK(a.outcome.error().detail.find("key-1") == std::string::npos);
  b.server.reset();
  CHECK(b.analyse().outcome.error().from == mw::dependency::llm);
}

TEST_CASE("analyst: cancel and destruction end calls as cancelled, each once") {
  std::promise<void> release;
  auto gate = release.get_future().share();
  bench b{[gate](const server_request&) {
    gate.wait();
    return completion(good);
  }};
  std::promise<errc> first;
  std::promise<errc> second;
  const auto id = b.llm->analyse(std::make_shared<mw::llm::analysis_input>(sample_input()), {},
                                 [&](mw::llm::answer a) { first.set_value(a.outcome.error().code); });
  b.llm->analyse(std::make_shared<mw::llm::analysis_input>(sample_input()), {},
                 [&](mw::llm::answer a) { second.set_value(a.outcome.error().code); });
  b.llm->cancel(id);
  CHECK(first.get_future().get() == errc::cancelled);
  b.llm.reset();
  CHECK(second.get_future().get() == errc::cancelled);
  release.set_value();
}

TEST_CASE("analyst: a probe does not wait as long as a call") {
  std::promise<void> over;
  const auto hang = over.get_future().share();
  bench b{[hang](const server_request&) {
            hang.wait();
            return completion(good);
          },
          10min, [](mw::llm::analyst_options& o) { o.probe_timeout = 100ms; }};
  const auto probe = b.probe();
  over.set_value();
  REQUIRE_FALSE(probe);
  CHECK(probe.error().code == errc::timed_out);
}

TEST_CASE("analyst: the probe costs few tokens, adapts, and tells a bad key from a model that thinks") {
  std::atomic<int> mode{0};
  bench b{[&](const server_request& r) {
    server_response answer;
    if (mode == 1) return mw::http::problem(401, "Unauthorized", "no");
    if (mode == 2) return mw::http::problem(404, "Not Found", "no");
    if (mode == 3) return mw::http::problem(429, "Too Many Requests", "no");
    if (r.body.find("\"temperature\"") != std::string::npos) return unsupported("temperature");
    answer.body = R"({"choices":[{"finish_reason":"length","message":{"content":""}}],
                      "usage":{"prompt_tokens":9,"completion_tokens":16}})";
    return answer;
  }};
  const auto paid = b.ask_probe();
  CHECK(paid.well);
  CHECK(paid.used.prompt_tokens == 9);
  CHECK(paid.used.completion_tokens == 16);
  CHECK(b.requests().back().body.find("\"max_completion_tokens\":16") != std::string::npos);
  CHECK(b.requests().back().body.size() < 300);
  mode = 1;
  const auto refused = b.probe();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::unauthorized);
  mode = 2;
  CHECK(b.probe().error().code == errc::not_found);
  mode = 3;
  CHECK(b.probe());  // throttled is not down
}

TEST_CASE("analyst: an endpoint that cannot work is refused at once") {
  mw::io::loop_thread loop;
  mw::http::client http{loop.get(), {}};
  mw::llm::analyst_options options;
  options.endpoint = "nonsense";
  const auto made = analyst::create(http, options);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::misconfigured);
}
