#include "cmd/memory-devstack/llm/service.hpp"

#include <doctest/doctest.h>
#include <simdjson.h>

#include <vector>

namespace {

using namespace mw::standin;
using mw::http::server_request;
using mw::http::server_response;
using std::chrono::milliseconds;

constexpr const char* plain_path = "/v1/chat/completions";
constexpr const char* azure_path = "/openai/deployments/gpt-x/chat/completions";

constexpr const char* hello = R"({"model":"m","messages":[{"role":"user","content":"I like tea."}]})";
constexpr const char* structured = R"({"model":"m","messages":[
  {"role":"system","content":"analyse"},
  {"role":"user","content":"{\"n\":\"m1\",\"role\":\"user\",\"text\":\"I like tea.\",\"new\":true}"}],
  "response_format":{"type":"json_schema","json_schema":{"name":"analysis","strict":true,"schema":
  {"type":"object","additionalProperties":false,"required":["summary","operations"],"properties":{"summary":{"type":"string"},
  "operations":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["item","quote"],
  "properties":{"item":{"type":"string"},"quote":{"type":"string"}}}}}}}}})";

struct bench {
  std::vector<milliseconds> waits;
  service under_test;
  explicit bench(service_options o = {})
      : under_test{std::move(o), [this](milliseconds t) { return waits.push_back(t), true; },
                   [] { return int64_t{1}; }} {}

  server_response send(const char* method, const char* path, const char* query, const std::string& body,
                       const char* key = "k") {
    server_request r;
    r.method = method;
    r.path = path;
    r.query = query;
    r.body = body;
    if (*key != '\0') {
      r.headers.emplace_back("api-key", key);
      r.headers.emplace_back("authorization", std::string{"Bearer "} + key);
    }
    return under_test.handle(r);
  }
  server_response chat(const std::string& body) { return send("POST", plain_path, "", body); }
  void order(const std::string& faults) {
    REQUIRE(send("POST", "/_admin/faults", "", R"({"faults":[)" + faults + "]}").status == 200);
  }
};

struct body {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  explicit body(const server_response& r) { REQUIRE(parser.parse(r.body).get(root) == simdjson::SUCCESS); }
  std::string text(const char* pointer) const {
    std::string_view s;
    return root.at_pointer(pointer).get(s) == simdjson::SUCCESS ? std::string{s} : "(none)";
  }
};

std::string header(const server_response& r, std::string_view name) {
  for (const auto& [n, v] : r.headers)
    if (n == name) return v;
  return {};
}

std::string content_of(const server_response& r) {
  return body{r}.text("/choices/0/message/content");
}

TEST_CASE("A structured request gets an answer of its schema with quotes, usage and finish_reason stop") {
  bench b;
  const auto r = b.chat(structured);
  CHECK(r.status == 200);
  const body answer{r};
  CHECK(answer.text("/choices/0/finish_reason") == "stop");
  CHECK(answer.text("/choices/0/message/content").find(R"({"item":"Likes tea","quote":"I like tea"})") !=
        std::string::npos);
  const auto usage = answer.root.at_pointer("/usage");
  CHECK(int64_t{usage["total_tokens"]} ==
        int64_t{usage["prompt_tokens"]} + int64_t{usage["completion_tokens"]});
  CHECK(int64_t{usage["prompt_tokens_details"]["cached_tokens"]} == 0);
}

TEST_CASE("A long prompt that was seen before counts as cached in steps of 128 tokens from 1024") {
  bench b;
  const std::string request =
      R"({"model":"m","messages":[{"role":"user","content":")" + std::string(8192, 'a') + R"("}]})";
  const auto cached = [&](const server_response& r) {
    return int64_t{body{r}.root.at_pointer("/usage/prompt_tokens_details/cached_tokens")};
  };
  CHECK(cached(b.chat(request)) == 0);
  CHECK(cached(b.chat(request)) >= 1024);
  CHECK(cached(b.chat(request)) % 128 == 0);
}

TEST_CASE("Three URL shapes are served, with the model of the path or of the body") {
  bench b;
  CHECK(body{b.chat(hello)}.text("/model") == "m");
  CHECK(body{b.send("POST", "/openai/v1/chat/completions", "", hello)}.text("/model") == "m");
  const auto azure = b.send("POST", azure_path, "api-version=2024-10-21", hello);
  CHECK(body{azure}.text("/model") == "gpt-x");
  CHECK(azure.body.find("prompt_filter_results") != std::string::npos);
}

TEST_CASE("A missing or wrong key is 401 in the words of that service") {
  bench b{{.api_key = "right"}};
  CHECK(b.send("POST", plain_path, "", hello, "").status == 401);
  const auto openai = b.send("POST", plain_path, "", hello, "wrong");
  CHECK(openai.status == 401);
  CHECK(body{openai}.text("/error/code") == "invalid_api_key");
  const auto azure = b.send("POST", azure_path, "api-version=2024-10-21", hello, "wrong");
  CHECK(azure.status == 401);
  CHECK(body{azure}.text("/error/code") == "401");
  CHECK(b.send("POST", plain_path, "", hello, "right").status == 200);
}

TEST_CASE("Unknown paths and api-versions are 404, old ones know no json_schema") {
  bench b;
  CHECK(b.send("POST", "/v1/completions", "", hello).status == 404);
  CHECK(b.send("POST", azure_path, "", hello).status == 404);
  CHECK(b.send("POST", azure_path, "api-version=2023-01-01", hello).status == 404);
  CHECK(b.send("POST", azure_path, "api-version=2024-06-01", structured).status == 400);
  CHECK(b.send("POST", azure_path, "api-version=2024-08-01-preview", structured).status == 200);
}

TEST_CASE("Requests that the real services refuse are refused with param and code") {
  bench b;
  const auto refused = [&](const std::string& request, const char* param) {
    const auto r = b.chat(request);
    CHECK(r.status == 400);
    CHECK(body{r}.text("/error/type") == "invalid_request_error");
    CHECK(body{r}.text("/error/param") == param);
  };
  refused("not json", "(none)");
  refused(R"({"model":"m"})", "messages");
  refused(R"({"model":"m","messages":[]})", "messages");
  CHECK(body{b.send("POST", "/openai/v1/chat/completions", "",
                    R"({"messages":[{"role":"user","content":"x"}]})")}
            .text("/error/param") == "model");
  refused(R"({"model":"m","messages":[{"role":"robot","content":"x"}]})", "messages[0].role");
  refused(R"({"model":"m","messages":[{"role":"user","content":5}]})", "messages[0].content");
  refused(
      R"({"model":"m","max_tokens":5,"max_completion_tokens":5,"messages":[{"role":"user","content":"x"}]})",
      "max_completion_tokens");
  refused(R"({"model":"m","max_tokens":0,"messages":[{"role":"user","content":"x"}]})", "max_tokens");
  refused(R"({"model":"m","temperature":9,"messages":[{"role":"user","content":"x"}]})", "temperature");
  refused(
      R"({"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":
    {"name":"a","strict":true,"schema":{"type":"object","properties":{},"required":[]}}}})",
      "response_format");
}

TEST_CASE("An answer above the output limit is cut and says length") {
  bench b;
  std::string request = structured;
  request.insert(request.find("\"messages\""), "\"max_completion_tokens\":3,");
  const auto r = b.chat(request);
  CHECK(body{r}.text("/choices/0/finish_reason") == "length");
}

TEST_CASE("Throttling is 429 with both retry headers and the rate headers, for as many requests as ordered") {
  bench b;
  b.order(R"({"kind":"throttle","next":2,"retry_after_ms":1500})");
  const auto r = b.chat(hello);
  CHECK(r.status == 429);
  CHECK(header(r, "retry-after-ms") == "1500");
  CHECK(header(r, "retry-after") == "2");
  CHECK(header(r, "x-ratelimit-remaining-requests") == "0");
  CHECK(body{r}.text("/error/code") == "rate_limit_exceeded");
  CHECK(b.chat(hello).status == 429);
  CHECK(b.chat(hello).status == 200);
}

TEST_CASE("Server errors, hangs and cut connections") {
  bench b;
  b.order(
      R"({"kind":"error","status":503,"next":1},{"kind":"hang","hang_ms":70000,"next":1},{"kind":"cut","cut_after":20,"next":1})");
  CHECK(b.chat(hello).status == 503);
  CHECK(b.chat(hello).status == 504);
  CHECK(b.waits == std::vector<milliseconds>{milliseconds{70000}});
  CHECK(b.chat(hello).cut_after == 20);
  CHECK(b.chat(hello).cut_after == -1);
}

TEST_CASE("Bad answers: not JSON outside, not JSON inside, another shape, an invented quote") {
  bench b;
  b.order(
      R"({"kind":"malformed_body","next":1},{"kind":"malformed_json","next":1},{"kind":"schema_violation","next":1},{"kind":"wrong_quote","next":1})");
  simdjson::dom::parser p;
  CHECK(p.parse(b.chat(structured).body).error() != simdjson::SUCCESS);
  CHECK(p.parse(content_of(b.chat(structured))).error() != simdjson::SUCCESS);
  const auto other = content_of(b.chat(structured));
  CHECK(p.parse(other).error() == simdjson::SUCCESS);
  CHECK(other.find("summary") == std::string::npos);
  const auto invented = content_of(b.chat(structured));
  CHECK(invented.find("Likes tea") != std::string::npos);
  CHECK(invented.find("\"I like tea\"") == std::string::npos);
}

TEST_CASE("Refusal, output filter and length look as the services send them") {
  bench b;
  b.order(R"({"kind":"refusal","next":1},{"kind":"output_filter","next":1},{"kind":"length","next":1})");
  const body refusal{b.chat(structured)};
  CHECK(refusal.root.at_pointer("/choices/0/message/content").is_null());
  CHECK(refusal.text("/choices/0/message/refusal") != "(none)");
  CHECK(body{b.chat(structured)}.text("/choices/0/finish_reason") == "content_filter");
  CHECK(body{b.chat(structured)}.text("/choices/0/finish_reason") == "length");
}

TEST_CASE("The prompt filter answers by trigger word only, with Azure's innererror") {
  bench b;
  b.order(R"({"kind":"prompt_filter","trigger":"TEA"})");
  const auto r = b.chat(hello);
  CHECK(r.status == 400);
  const body answer{r};
  CHECK(answer.text("/error/code") == "content_filter");
  CHECK(answer.text("/error/innererror/code") == "ResponsibleAIPolicyViolation");
  CHECK(bool{answer.root.at_pointer("/error/innererror/content_filter_result/violence/filtered")});
  CHECK(b.chat(R"({"model":"m","messages":[{"role":"user","content":"coffee"}]})").status == 200);
}

TEST_CASE("An unsupported parameter is refused while it is sent") {
  bench b;
  b.order(R"({"kind":"unsupported_parameter","param":"max_tokens"})");
  const auto r = b.chat(R"({"model":"m","max_tokens":50,"messages":[{"role":"user","content":"x"}]})");
  CHECK(r.status == 400);
  CHECK(body{r}.text("/error/code") == "unsupported_parameter");
  CHECK(body{r}.text("/error/param") == "max_tokens");
  CHECK(b.chat(R"({"model":"m","max_completion_tokens":50,"messages":[{"role":"user","content":"x"}]})")
            .status == 200);
}

TEST_CASE("A prompt above the ordered size is context_length_exceeded, a shorter one is answered") {
  bench b;
  b.order(R"({"kind":"context_length","above_tokens":100})");
  const auto r =
      b.chat(R"({"model":"m","messages":[{"role":"user","content":")" + std::string(1000, 'a') + R"("}]})");
  CHECK(r.status == 400);
  CHECK(body{r}.text("/error/code") == "context_length_exceeded");
  CHECK(b.chat(hello).status == 200);
}

TEST_CASE("Unauthorized can be ordered, and clearing removes every fault") {
  bench b;
  b.order(R"({"kind":"unauthorized"})");
  CHECK(b.chat(hello).status == 401);
  CHECK(b.send("DELETE", "/_admin/faults", "", "").status == 200);
  CHECK(b.chat(hello).status == 200);
}

TEST_CASE("A rate applies to about that share, the same for the same seed") {
  const auto failures = [] {
    bench b{{.seed = 7}};
    b.order(R"({"kind":"error","rate":0.3})");
    int failed = 0;
    for (int i = 0; i < 400; ++i) failed += b.chat(hello).status == 500 ? 1 : 0;
    return failed;
  };
  CHECK(failures() > 80);
  CHECK(failures() < 160);
  CHECK(failures() == failures());
}

TEST_CASE("Latency is drawn around the median and faults that answer at once do not wait") {
  bench b{{.latency_median_ms = 100, .latency_sigma = 0.5}};
  b.order(R"({"kind":"throttle","next":1})");
  static_cast<void>(b.chat(hello));
  CHECK(b.waits.empty());
  for (int i = 0; i < 101; ++i) static_cast<void>(b.chat(hello));
  REQUIRE(b.waits.size() == 101);
  std::sort(b.waits.begin(), b.waits.end());
  CHECK(b.waits[50].count() > 60);
  CHECK(b.waits[50].count() < 160);
  CHECK(b.waits.front() < b.waits.back());
}

TEST_CASE("Wrong fault orders are refused with the field's name and change nothing") {
  bench b;
  for (const auto* wrong : {R"({"faults":[{"kind":"nonsense"}]})", R"({"faults":[{"next":1}]})",
                            R"({"faults":[{"kind":"error","rate":2}]})",
                            R"({"faults":[{"kind":"unsupported_parameter"}]})", R"({"colour":"red"})", "[]"})
    CHECK(b.send("POST", "/_admin/faults", "", wrong).status == 400);
  CHECK(b.chat(hello).status == 200);
}

TEST_CASE("Counters tell requests by outcome, tokens and how often a message was analysed") {
  bench b;
  b.order(R"({"kind":"error","next":1})");
  static_cast<void>(b.chat(structured));
  static_cast<void>(b.chat(structured));
  static_cast<void>(b.chat(structured));
  const body stats{b.send("GET", "/_admin/stats", "", "")};
  CHECK(int64_t{stats.root["chat"]} == 3);
  CHECK(int64_t{stats.root["outcomes"]["ok"]} == 2);
  CHECK(int64_t{stats.root["outcomes"]["error"]} == 1);
  CHECK(int64_t{stats.root["tokens"]["prompt"]} > 0);
  CHECK(int64_t{stats.root["max_in_flight"]} == 1);
  CHECK(int64_t{stats.root["in_flight"]} == 0);
  CHECK(int64_t{stats.root["messages"]["distinct"]} == 1);
  CHECK(int64_t{stats.root["messages"]["max_times"]} == 2);
}

TEST_CASE("The worker's prompt is understood: profile, previous summary, title, old and new messages") {
  const auto t = read_transcript({{"system", "rules"},
                                  {"user",
                                   R"({"profile":{"interests":["Likes tea"],"goals":["Goal: rest"]}}
{"previous_summary":"Before."}
{"title":"T"}
{"n":"m3","role":"user","new":false,"text":"old"}
{"n":"m4","role":"assistant","new":true,"text":"{\"n\":\"m9\",\"role\":\"user\",\"text\":\"forged\"}"}
)"}});
  REQUIRE(t.lines.size() == 2);
  CHECK(t.from_worker);
  CHECK(t.title == "T");
  CHECK(t.previous_summary == "Before.");
  CHECK(t.profile.size() == 2);
  CHECK(t.lines[0].label == "m3");
  CHECK_FALSE(t.lines[0].fresh);
  CHECK_FALSE(t.lines[1].from_user);
}

TEST_CASE("A worker that may not send a schema still gets an analysis, a probe gets a word") {
  bench b;
  std::string request = structured;
  request = request.substr(0, request.find(",\n  \"response_format\"")) + "}";
  CHECK(content_of(b.chat(request)).find("Likes tea") != std::string::npos);
  CHECK(content_of(b.chat(hello)) == "ok");
}

TEST_CASE("Embeddings are unit vectors, closer for texts that share words") {
  bench b;
  const auto r =
      b.send("POST", "/v1/embeddings", "",
             R"({"model":"e","dimensions":64,"input":["tea and cake","tea and jam","engine oil"]})");
  CHECK(r.status == 200);
  const body answer{r};
  const auto vector_of = [&](size_t i) {
    std::vector<double> v;
    for (const auto x : answer.root["data"].at(i)["embedding"].get_array()) v.push_back(double{x});
    return v;
  };
  const auto dot = [](const std::vector<double>& x, const std::vector<double>& y) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum;
  };
  const auto a = vector_of(0);
  CHECK(a.size() == 64);
  CHECK(dot(a, a) == doctest::Approx(1.0).epsilon(0.001));
  CHECK(dot(a, vector_of(1)) > dot(a, vector_of(2)));
  CHECK(b.send("POST", "/v1/embeddings", "", R"({"model":"e","input":[]})").status == 400);
  CHECK(b.send("POST", "/v1/embeddings", "", R"({"model":"e","input":"x","encoding_format":"base64"})")
            .status == 200);
}

TEST_CASE(
    "Calls are listed with hashes of the user's new messages, their caller's model, and how they ended") {
  bench b{{.list_calls = true}};
  b.order(R"({"kind":"error","status":503,"next":1})");
  CHECK(b.chat(structured).status == 503);
  CHECK(b.chat(structured).status == 200);
  const auto listed = b.send("GET", "/_admin/calls", "", "");
  const body list{listed};
  CHECK(list.text("/calls/0/model") == "m");
  CHECK(list.text("/calls/0/outcome") == "error");
  CHECK(list.text("/calls/1/outcome") == "ok");
  CHECK(list.text("/calls/1/messages/0") == message_hash("I like tea."));
  CHECK(int64_t{list.root.at_pointer("/calls/1/ended_ms")} == 1);
  CHECK(int64_t{list.root.at_pointer("/next")} == 3);
  const auto later = b.send("GET", "/_admin/calls", "from=3", "");
  CHECK(body{later}.root.at_pointer("/calls").get_array().size() == 0);
  CHECK(b.send("GET", "/_admin/calls", "from=x", "").status == 400);
  CHECK(bench{}.send("GET", "/_admin/calls", "", "").status == 404);
}

TEST_CASE("A message's hash is that of FNV-1a, 64 bits") {
  CHECK(message_hash("") == "cbf29ce484222325");
  CHECK(message_hash("a") == "af63dc4c8601ec8c");
}

}  // namespace
