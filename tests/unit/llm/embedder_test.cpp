#include "protocol/llm/embedder.hpp"

#include <doctest/doctest.h>

#include <atomic>

#include "tests/unit/llm/bench.hpp"
#include "tests/unit/llm/fake_tokens.hpp"

using mw::errc;
using mw::llm::embedder;
using mw::llm::embedding;

namespace {

server_response vector_of(std::string_view numbers) {
  server_response r;
  r.body = R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":)" + std::string{numbers} +
           R"(}],"model":"vectors","usage":{"prompt_tokens":12,"total_tokens":12}})";
  return r;
}

server_response status(int code, std::vector<std::pair<std::string, std::string>> headers = {}) {
  server_response r;
  r.status = code;
  r.headers = std::move(headers);
  r.body = R"({"error":{"code":"x","message":"no"}})";
  return r;
}

struct embeddings_bench {
  explicit embeddings_bench(mw::http::server::handler h, mw::llm::embedder_options options = {}) {
    auto started = mw::http::server::start({}, [this, h = std::move(h)](const server_request& r) {
      {
        const std::lock_guard lock{mutex};
        seen.push_back(r);
      }
      return h(r);
    });
    REQUIRE(started);
    server = std::move(*started);
    options.endpoint = "http://127.0.0.1:" + std::to_string(server->port()) + "/openai/deployments/vectors";
    if (!options.identity) options.api_key = "key-1";
    options.dimensions = 3;
    auto made = embedder::create(loop.get(), http, options);
    REQUIRE(made);
    embeds = std::move(*made);
  }
  embedding embed() {
    std::promise<embedding> p;
    embeds->embed("Summary: a \"quote\"", [&](embedding e) { p.set_value(std::move(e)); });
    return p.get_future().get();
  }
  std::vector<server_request> requests() {
    const std::lock_guard lock{mutex};
    return seen;
  }

  std::mutex mutex;
  std::vector<server_request> seen;
  std::unique_ptr<mw::http::server> server;
  mw::io::loop_thread loop;
  mw::http::client http{loop.get(), {}};
  std::unique_ptr<embedder> embeds;
};

}  // namespace

TEST_CASE("embedding text: five lines, as the Python worker embeds them") {
  mw::llm::analysis a;
  a.summary = "They talked about tents.";
  a.themes = {"tents", "Graz"};
  a.persons = {"Lena"};
  a.user_sentiment = mw::memory::sentiment::positive;
  CHECK(mw::llm::embedding_text(a) ==
        "Summary: They talked about tents.\nThemes: tents, Graz\nPersons: Lena\nPlaces: \nUser sentiment: "
        "positive");
}

TEST_CASE("embedder: one request gives the vector and what it cost") {
  embeddings_bench b{[](const server_request&) { return vector_of("[0.5,-1,2.5e-3]"); }};
  const auto e = b.embed();
  REQUIRE(e.vector);
  CHECK(*e.vector == std::vector<float>{0.5F, -1.0F, 0.0025F});
  CHECK(e.tokens == 12);
  REQUIRE(b.requests().size() == 1);
  const auto r = b.requests()[0];
  CHECK(r.path == "/openai/deployments/vectors/embeddings");
  CHECK(r.parameter("api-version") == "2024-10-21");
  CHECK(r.header("api-key") == "key-1");
  CHECK(r.body == R"({"input":"Summary: a \"quote\"","encoding_format":"base64"})");
}

TEST_CASE("embedder: a vector as base64 is the same vector, and what is none is told") {
  const auto outcome = [](const char* text) {
    embeddings_bench b{[text](const server_request&) { return vector_of('"' + std::string{text} + '"'); }};
    return b.embed();
  };
  const auto same = outcome("AAAAPwAAgL8K1yM7");
  REQUIRE(same.vector);
  CHECK(*same.vector == std::vector<float>{0.5F, -1.0F, 0.0025F});
  CHECK(same.tokens == 12);
  // Two numbers, a byte too few, no base64, nothing, an infinity, not a number.
  for (const char* text :
       {"AAAAPwAAgL8=", "AAAAPwAAgL8K1yM=", "AAAAPwAAgL8K1y*7", "", "AAAAPwAAgL8AAIB/", "AAAAPwAAgL8AAMB/"}) {
    CAPTURE(text);
    const auto e = outcome(text);
    REQUIRE_FALSE(e.vector);
    CHECK(e.vector.error().code == errc::invalid_answer);
  }
}

TEST_CASE("embedder: a server that refuses base64 is asked for numbers, and from then on at once") {
  for (const int code : {400, 422}) {
    embeddings_bench b{[code](const server_request& r) {
      return r.body.find("base64") != std::string::npos ? status(code) : vector_of("[1,2,3]");
    }};
    CHECK(b.embed().vector);
    CHECK(b.requests().size() == 2);
    CHECK(b.embed().vector);
    CHECK(b.requests().size() == 3);
  }
  embeddings_bench refuses{[](const server_request&) { return status(400); }};
  CHECK(refuses.embed().vector.error().code == errc::rejected);
  CHECK(refuses.requests().size() == 2);
  CHECK_FALSE(refuses.embed().vector);
  CHECK(refuses.requests()[2].body.find("base64") != std::string::npos);
}

TEST_CASE("embedder: a vector of another length, with holes or beyond a float is none") {
  for (const auto* numbers : {"[1,2]", "[1,2,3,4]", "[]", "[1,null,3]", "[1,\"2\",3]", "[1,2,1e39]"}) {
    CAPTURE(numbers);
    embeddings_bench b{[numbers](const server_request&) { return vector_of(numbers); }};
    const auto e = b.embed();
    REQUIRE_FALSE(e.vector);
    CHECK(e.vector.error().code == errc::invalid_answer);
    CHECK(e.tokens == 12);
  }
  embeddings_bench chat{[](const server_request&) { return completion("ok"); }};
  CHECK(chat.embed().vector.error().code == errc::malformed);
}

TEST_CASE("embedder: what passes by itself is asked again, what does not is told in words") {
  std::atomic<int> left{2};
  embeddings_bench b{[&](const server_request&) {
    if (left-- > 0) return status(429, {{"retry-after-ms", "1"}});
    return vector_of("[1,2,3]");
  }};
  CHECK(b.embed().vector);
  CHECK(b.requests().size() == 3);
  embeddings_bench missing{[](const server_request&) { return status(404); }};
  const auto e = missing.embed();
  CHECK(e.vector.error().code == errc::not_found);
  CHECK(e.vector.error().detail.find("no such deployment") != std::string::npos);
  CHECK(missing.requests().size() == 1);
}

TEST_CASE("embedder: a wait longer than it may take is not waited for") {
  embeddings_bench b{[](const server_request&) { return status(429, {{"retry-after", "60"}}); }};
  CHECK(b.embed().vector.error().code == errc::throttled);
  CHECK(b.requests().size() == 1);
}

TEST_CASE("embedder: a refused token is replaced once") {
  const auto identity = std::make_shared<fake_tokens>();
  mw::llm::embedder_options options;
  options.identity = identity;
  options.scope = "scope";
  embeddings_bench b{[](const server_request& r) {
                       return r.header("authorization") == "Bearer t2" ? vector_of("[1,2,3]") : status(401);
                     },
                     options};
  CHECK(b.embed().vector);
  CHECK(identity->refusals() == std::vector<std::string>{"scope t1"});
}

TEST_CASE("embedder: a server that is gone is left alone after three tries") {
  embeddings_bench b{[](const server_request&) { return vector_of("[1,2,3]"); }};
  REQUIRE(b.embed().vector);
  b.server.reset();
  for (int i = 0; i < 3; ++i) CHECK(b.embed().vector.error().detail.find("rest") == std::string::npos);
  CHECK(b.embed().vector.error().detail == "embeddings rest after several failures");
}

TEST_CASE("embedder: its end ends what waits for another try, once") {
  embeddings_bench b{[](const server_request&) { return status(503, {{"retry-after", "10"}}); }};
  std::promise<errc> ended;
  b.embeds->embed("text", [&](embedding e) { ended.set_value(e.vector.error().code); });
  while (b.requests().empty()) std::this_thread::yield();
  b.embeds.reset();
  CHECK(ended.get_future().get() == errc::cancelled);
}
