#include <doctest/doctest.h>
#include <simdjson.h>

#include "protocol/llm/reasoning_room.hpp"
#include "tests/unit/llm/bench.hpp"

using mw::errc;
using mw::llm::reasoning_room;

namespace {

uint64_t limit_of(const server_request& r) {
  simdjson::dom::parser parser;
  uint64_t n = 0;
  if (parser.parse(r.body)["max_completion_tokens"].get(n)) return 0;
  return n;
}

/// An answer of a model that thought for `thought` tokens; without text where the limit did not suffice.
server_response thinking(const server_request& r, uint64_t thought) {
  const bool starved = limit_of(r) < thought + 100;
  server_response out;
  mw::json_writer w{out.body};
  w.begin_object().field("model", "thinker").key("choices").begin_array().begin_object();
  w.field("finish_reason", starved ? "length" : "stop").key("message").begin_object();
  w.field("content", starved ? "" : good).end_object().end_object().end_array();
  w.key("usage").begin_object().field("prompt_tokens", 100);
  w.field("completion_tokens", starved ? limit_of(r) : thought + 100).key("completion_tokens_details");
  w.begin_object().field("reasoning_tokens", starved ? limit_of(r) : thought).end_object();
  w.end_object().end_object();
  return out;
}

server_response too_large(uint32_t most) {
  server_response r;
  r.status = 400;
  mw::json_writer w{r.body};
  w.begin_object().key("error").begin_object();
  w.field("message", "max_tokens is too large: 9000. This model supports at most " + std::to_string(most) +
                         " completion tokens, whereas you provided 9000.");
  w.field("param", "max_tokens").field("code", "invalid_value").end_object().end_object();
  return r;
}

}  // namespace

TEST_CASE("learning: a model that shows reasoning tokens gets room for twice as many beside the answer") {
  bench b{[](const server_request& r) { return thinking(r, 900); }};
  REQUIRE(b.analyse().outcome);
  CHECK(limit_of(b.requests()[0]) == 1'500);
  REQUIRE(b.analyse().outcome);
  CHECK(limit_of(b.requests()[1]) == 1'500 + 1'800);
}

TEST_CASE(
    "learning: an answer cut off before its first word is asked for again with more room, in one call") {
  bench b{[](const server_request& r) { return thinking(r, 3'000); }};
  const auto a = b.analyse();
  REQUIRE(a.outcome);
  CHECK(a.used.calls == 2);
  CHECK(a.used.reasoning_tokens == 1'500 + 3'000);
  REQUIRE(b.requests().size() == 2);
  CHECK(limit_of(b.requests()[1]) == 1'500 + 4'096);
  REQUIRE(b.analyse().outcome);
  CHECK(b.requests().size() == 3);
}

TEST_CASE("learning: a model that only ever thinks is paid for three times, not for ever") {
  bench b{[](const server_request& r) { return thinking(r, 1'000'000); }};
  const auto a = b.analyse();
  REQUIRE_FALSE(a.outcome);
  CHECK(a.outcome.error().code == errc::truncated);
  CHECK(b.requests().size() == 3);
}

TEST_CASE("learning: a model that does not think gets the answer's limit and no more") {
  bench b{[](const server_request&) { return completion(good); }};
  REQUIRE(b.analyse().outcome);
  REQUIRE(b.analyse().outcome);
  CHECK(limit_of(b.requests()[1]) == 1'500);
}

TEST_CASE("learning: the largest output a model can give is kept to from then on") {
  bench b{[](const server_request& r) { return limit_of(r) > 1'000 ? too_large(1'000) : completion(good); }};
  REQUIRE(b.analyse().outcome);
  REQUIRE(b.analyse().outcome);
  REQUIRE(b.requests().size() == 3);
  CHECK(limit_of(b.requests()[1]) == 1'000);
  CHECK(limit_of(b.requests()[2]) == 1'000);
}

TEST_CASE("learning: reasoning_effort is sent where configured, and no more where it is refused") {
  bench b{[](const server_request& r) {
            return r.body.find("\"reasoning_effort\":\"low\"") != std::string::npos
                       ? unsupported("reasoning_effort")
                       : completion(good);
          },
          20s, [](mw::llm::analyst_options& o) { o.reasoning_effort = "low"; }};
  REQUIRE(b.analyse().outcome);
  REQUIRE(b.analyse().outcome);
  CHECK(b.requests().size() == 3);
}

TEST_CASE("learning: a throttled call says how long to wait and what is left") {
  bench b{[](const server_request&) {
    server_response r;
    r.status = 429;
    r.body = R"({"error":{"code":"429","message":"slow down"}})";
    r.headers = {{"retry-after-ms", "1500"},
                 {"retry-after", "60"},
                 {"x-ratelimit-remaining-tokens", "0"},
                 {"x-ratelimit-limit-tokens", "30000"},
                 {"x-ratelimit-reset-tokens", "12"}};
    return r;
  }};
  const auto a = b.analyse();
  REQUIRE_FALSE(a.outcome);
  CHECK(a.outcome.error().code == errc::throttled);
  CHECK(a.outcome.error().retry_after == 1500ms);
  CHECK(a.left.tokens.remaining == 0u);
  CHECK(a.left.tokens.limit == 30'000);
  CHECK(a.left.tokens.reset == 12s);
  CHECK(b.requests().size() == 1);
}

TEST_CASE("reasoning room: grows at once, shrinks slowly, has a floor and a ceiling") {
  reasoning_room r;
  r.seen(0);
  CHECK(r.tokens() == 0);
  r.seen(10);
  CHECK(r.tokens() == reasoning_room::least);
  r.seen(4'000);
  CHECK(r.tokens() == 8'000);
  r.seen(600);
  CHECK(r.tokens() < 8'000);
  CHECK(r.tokens() > 7'700);
  r.seen(1'000'000);
  CHECK(r.tokens() == reasoning_room::most);
  CHECK_FALSE(r.starved(reasoning_room::most));
}
