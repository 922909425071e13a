#include "protocol/observe/trace/insights.hpp"

#include <simdjson.h>
#include <zlib.h>

#include "protocol/observe/trace/gzip.hpp"
#include "tests/unit/observe/trace_fixture.hpp"

using namespace std::chrono_literals;
using namespace mw::observe;
using namespace mw::observe::testing;
using mw::errc;
using mw::http::response;

namespace {

constexpr std::string_view key = "11111111-2222-3333-4444-555555555555";

envelope_context context() {
  return {std::string{key}, example_facts(), 100};
}

/// A parsed envelope that answers by path, as "data.baseData.properties".
class parsed {
 public:
  explicit parsed(const std::string& text) {
    REQUIRE_MESSAGE(parser_.parse(text).get(root_) == simdjson::SUCCESS, text);
  }
  std::string text(std::initializer_list<std::string_view> path) {
    auto e = root_;
    for (const auto& p : path)
      if (e[p].get(e) != simdjson::SUCCESS) return "(none)";
    std::string_view s;
    return e.get(s) == simdjson::SUCCESS ? std::string{s} : simdjson::minify(e);
  }
  std::string property(std::string_view name) { return text({"data", "baseData", "properties", name}); }
  std::string tag(std::string_view name) { return text({"tags", name}); }
  simdjson::dom::element root() const { return root_; }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

std::string gunzip(std::string_view packed) {
  z_stream z{};
  REQUIRE(inflateInit2(&z, 15 + 16) == Z_OK);
  std::string out(1 << 20, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  z.avail_in = static_cast<uInt>(packed.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  inflateEnd(&z);
  return out;
}

insights_options options(std::string endpoint = "https://in.example") {
  insights_options o;
  o.connection = {std::string{key}, std::move(endpoint), {}};
  return o;
}

std::vector<encoded_item> batch(size_t n) {
  return std::vector<encoded_item>(n, encoded_item{"{}"});
}

response answer(int status, std::string body = {},
                std::vector<std::pair<std::string, std::string>> headers = {}) {
  response r;
  r.status = status;
  r.body = std::move(body);
  r.headers = std::move(headers);
  return r;
}

}  // namespace

TEST_CASE("connection string: endpoint, suffix with location, the public default, keys without case") {
  const auto full = parse_insights_connection(
      "instrumentationkey=11111111-2222-3333-4444-555555555555; IngestionEndpoint=https://eu.in.example/ ;"
      "LiveEndpoint=https://live.example/;ApplicationId=x;AADAudience=https://monitor.azure.us/");
  REQUIRE(full);
  CHECK(full->track_url() == "https://eu.in.example/v2.1/track");
  CHECK(full->entra_scope() == "https://monitor.azure.us/.default");
  const auto suffix = parse_insights_connection(
      "InstrumentationKey=11111111-2222-3333-4444-555555555555;EndpointSuffix=ai.example;Location="
      "westeurope");
  REQUIRE(suffix);
  CHECK(suffix->endpoint == "https://westeurope.dc.ai.example");
  const auto plain = parse_insights_connection("InstrumentationKey=11111111-2222-3333-4444-555555555555");
  REQUIRE(plain);
  CHECK(plain->endpoint == "https://dc.services.visualstudio.com");
  CHECK(plain->entra_scope() == "https://monitor.azure.com/.default");
}

TEST_CASE("connection string: what is missing or wrong is named, no value is shown") {
  for (const auto* bad :
       {"", "InstrumentationKey=", "InstrumentationKey=not-a-uuid-SECRET", "nonsense-SECRET",
        "InstrumentationKey=11111111-2222-3333-4444-555555555555;IngestionEndpoint=SECRET",
        "InstrumentationKey=11111111-2222-3333-4444-55555555555z"}) {
    const auto r = parse_insights_connection(bad);
    REQUIRE_MESSAGE(!r, bad);
    CHECK(r.error().code == errc::misconfigured);
    CHECK(r.error().detail.find("APPLICATIONINSIGHTS_CONNECTION_STRING") != std::string::npos);
    CHECK(r.error().detail.find("SECRET") == std::string::npos);
  }
}

TEST_CASE("envelopes: the job is a request, its stages are dependencies of one operation") {
  const auto all = job_envelopes(context(), example_job());
  REQUIRE(all.size() == 6);
  parsed request{all[0]};
  CHECK(request.text({"name"}) == "Microsoft.ApplicationInsights.11111111222233334444555555555555.Request");
  CHECK(request.text({"iKey"}) == key);
  CHECK(request.text({"time"}) == "2019-12-20T00:16:40.100000+00:00");
  CHECK(request.text({"data", "baseType"}) == "RequestData");
  CHECK(request.text({"data", "baseData", "ver"}) == "2");
  CHECK(request.text({"data", "baseData", "duration"}) == "0.00:00:00.320000");
  CHECK(request.text({"data", "baseData", "success"}) == "true");
  CHECK(request.text({"data", "baseData", "responseCode"}) == "0");
  CHECK(request.tag("ai.cloud.role") == "memory-worker");
  CHECK(request.tag("ai.cloud.roleInstance") == "node-1");
  CHECK(request.tag("ai.operation.id") == "ab0102030405060708090a0b0c0d0e0f");
  CHECK(request.tag("ai.operation.parentId") == "(none)");
  CHECK(request.property("_MS.links") ==
        R"([{"operation_Id":"0af7651916cd43dd8448eb211c80319c","id":"b7ad6b7169203331"},)"
        R"({"operation_Id":"11111111111111111111111111111111","id":"2222222222222222"}])");
  for (size_t i = 1; i < all.size(); ++i) {
    parsed dependency{all[i]};
    CHECK(dependency.text({"data", "baseType"}) == "RemoteDependencyData");
    CHECK(dependency.tag("ai.operation.id") == request.tag("ai.operation.id"));
    CHECK(dependency.tag("ai.operation.parentId") == request.text({"data", "baseData", "id"}));
    CHECK(dependency.text({"data", "baseData", "type"}) != "(none)");
    CHECK(dependency.text({"data", "baseData", "target"}) != "(none)");
  }
}

TEST_CASE("envelopes: what dashboards query stands in the properties of the chat dependency, as texts") {
  for (const auto& e : job_envelopes(context(), example_job())) {
    parsed p{e};
    CHECK(p.property("app.user_id") == "user-1");
    CHECK(p.property("app.session_id") == "session-1");
    if (p.property("gen_ai.operation.name") != "chat") continue;
    CHECK(p.property("gen_ai.usage.input_tokens") == "1200");
    CHECK(p.property("gen_ai.usage.output_tokens") == "340");
    CHECK(p.property("gen_ai.response.model") == "gpt-5.4-mini-2026-03-17");
    CHECK(p.text({"data", "baseData", "type"}) == "GenAI | azure.ai.openai");
    CHECK(p.root()["data"]["baseData"]["properties"]["gen_ai.usage.input_tokens"].is_string());
  }
}

TEST_CASE("envelopes: a failed job is an unsuccessful request and an exception") {
  auto j = example_job();
  j.error = "conversation-missing";
  j.detail = "redis: conversation-missing: no such key";
  const auto all = job_envelopes(context(), j);
  REQUIRE(all.size() == 7);
  parsed request{all[0]};
  CHECK(request.text({"data", "baseData", "success"}) == "false");
  CHECK(request.text({"data", "baseData", "responseCode"}) == "conversation-missing");
  parsed exception{all[6]};
  CHECK(exception.text({"data", "baseType"}) == "ExceptionData");
  CHECK(exception.text({"data", "baseData", "severityLevel"}) == "Error");
  const auto inner = exception.root()["data"]["baseData"]["exceptions"].at(0);
  CHECK(std::string_view{inner["typeName"]} == "conversation-missing");
  CHECK(std::string_view{inner["message"]} == j.detail);
}

TEST_CASE("envelopes: properties, names and links are cut at the service's limits") {
  auto j = example_job();
  j.calls[0].text = std::make_shared<chat_text>(chat_text{std::string(20'000, 'x'), "y"});
  j.links.assign(128, j.links[0]);
  for (const auto& e : job_envelopes(context(), j)) {
    parsed p{e};
    CHECK(p.property("gen_ai.input.messages").size() <= 8192);
    CHECK(p.property("_MS.links").size() <= 8192);
  }
}

TEST_CASE("envelopes: a log line is a trace with its fields; one about telemetry itself is none") {
  parsed p{log_envelope(context(),
                        R"({"time":"2026-01-02T03:04:05.000000+00:00","level":"warning","event":"job-held",)"
                        R"("service":"s","node":"n","session":"s1","attempt":2,"detail":"Redis is away"})"
                        "\n")};
  CHECK(p.text({"time"}) == "2026-01-02T03:04:05.000000+00:00");
  CHECK(p.text({"data", "baseData", "message"}) == "job-held: Redis is away");
  CHECK(p.text({"data", "baseData", "severityLevel"}) == "Warning");
  CHECK(p.property("session") == "s1");
  CHECK(p.property("attempt") == "2");
  CHECK(p.property("node") == "(none)");
  CHECK(
      log_envelope(context(), R"({"time":"t","level":"warning","event":"telemetry-not-delivered"})").empty());
  CHECK(log_envelope(context(), "no json").empty());
}

TEST_CASE("envelopes: a metric is a measurement, or an aggregation with its count") {
  const auto now = *mw::parse_iso_time("2026-01-02T03:04:05Z");
  parsed one{metric_envelope(context(), {"tokens", 7.5}, now)};
  const auto first = one.root()["data"]["baseData"]["metrics"].at(0);
  CHECK(std::string_view{first["kind"]} == "Measurement");
  CHECK(double{first["value"]} == 7.5);
  parsed many{metric_envelope(context(), {"duration", 12, 4}, now)};
  CHECK(std::string_view{many.root()["data"]["baseData"]["metrics"].at(0)["kind"]} == "Aggregation");
  CHECK(int64_t{many.root()["data"]["baseData"]["metrics"].at(0)["count"]} == 4);
}

TEST_CASE("envelopes: a duration is D.HH:MM:SS.ffffff, never negative") {
  CHECK(insights_duration(0) == "0.00:00:00.000000");
  CHECK(insights_duration(1'500'000) == "0.00:00:00.001500");
  CHECK(insights_duration(((26LL * 60 + 3) * 60 + 4) * 1'000'000'000 + 5'000) == "1.02:03:04.000005");
  CHECK(insights_duration(-5) == "0.00:00:00.000000");
}

TEST_CASE("ingestion: one gzipped JSON array to v2.1/track, a bearer token only where there is one") {
  const auto w = make_insights_wire(options(), example_facts());
  std::vector<encoded_item> items{{R"({"a":1})"}, {R"({"b":2})"}};
  const auto plain = w->compose(items, "");
  CHECK(plain.url == "https://in.example/v2.1/track");
  CHECK(gunzip(plain.body) == R"([{"a":1},{"b":2}])");
  const auto has = [](const mw::http::request& r, std::string_view name) {
    return std::any_of(r.headers.begin(), r.headers.end(), [&](const auto& h) { return h.first == name; });
  };
  CHECK_FALSE(has(plain, "Authorization"));
  CHECK(has(plain, "Content-Encoding"));
  CHECK(has(w->compose(items, "Bearer t"), "Authorization"));
}

TEST_CASE("ingestion: of a partial success only what is retryable goes again, by index") {
  const auto w = make_insights_wire(options(), example_facts());
  const auto items = batch(6);
  const auto v =
      w->judge(answer(206, R"({"itemsReceived":6,"itemsAccepted":2,"errors":[)"
                           R"({"index":4,"statusCode":500,"message":"x"},{"index":1,"statusCode":400},)"
                           R"({"index":0,"statusCode":429},{"index":99,"statusCode":500},)"
                           R"({"index":2,"statusCode":439}]})"),
               items);
  CHECK(v.again == std::vector<size_t>{0, 4});
  CHECK(v.refused == 2);
  CHECK_FALSE(v.all_again);
}

TEST_CASE("ingestion: what is tried again, what is dropped, and Retry-After") {
  const auto w = make_insights_wire(options(), example_facts());
  const auto items = batch(3);
  for (const int status : {401, 403, 408, 429, 500, 502, 503, 504})
    CHECK(w->judge(answer(status), items).all_again);
  CHECK(w->judge(answer(429, "", {{"retry-after", "7"}}), items).wait == 7s);
  for (const int status : {400, 402, 404, 413, 439}) {
    const auto v = w->judge(answer(status), items);
    CHECK_FALSE(v.all_again);
    CHECK(v.refused == 3);
    CHECK(v.cause == (status == 402 || status == 439 ? "quota" : "refused"));
  }
  CHECK(w->judge(mw::fail(errc::unreachable, "no route"), items).all_again);
  const auto fine = w->judge(answer(200), items);
  CHECK_FALSE(fine.all_again);
  CHECK(fine.refused == 0);
}

TEST_CASE("ingestion: redirects are followed and remembered, but not in circles and not from https to http") {
  const auto w = make_insights_wire(options(), example_facts());
  const auto items = batch(1);
  const auto to = [&](std::string place) {
    return w->judge(answer(308, "", {{"location", std::move(place)}}), items);
  };
  const auto moved = to("https://eu.example/v2.1/track");
  CHECK(moved.all_again);
  CHECK(moved.at_once);
  CHECK(w->compose(items, "").url == "https://eu.example/v2.1/track");
  CHECK_FALSE(w->judge(answer(200), items).all_again);
  CHECK(w->compose(items, "").url == "https://eu.example/v2.1/track");
  CHECK(to("http://eu.example/v2.1/track").refused == 1);
  CHECK(to("/elsewhere").refused == 1);
  CHECK(w->judge(answer(200), items).refused == 0);
  for (int n = 0; n < 10; ++n) CHECK(to("https://circle.example/v2.1/track").at_once);
  CHECK(to("https://circle.example/v2.1/track").refused == 1);
}

namespace {

/// Gives one token after the other.
class token_line final : public mw::azure::token_source {
 public:
  void get(const std::string& scope, std::function<void(mw::result<mw::azure::access_token>)> done) override {
    scopes.push_back(scope);
    done(mw::azure::access_token{fmt::format("t{}", number), {}, {}});
  }
  void refused(const std::string&, const std::string& token) override {
    refusals.push_back(token);
    ++number;
  }
  int number = 1;
  std::vector<std::string> scopes;
  std::vector<std::string> refusals;
};

}  // namespace

TEST_CASE("ingestion: with an AADAudience a token is asked for its scope, and a refused one is told") {
  token_line tokens;
  auto o = options();
  o.connection.audience = "https://monitor.azure.com";
  o.tokens = &tokens;
  const auto w = make_insights_wire(o, example_facts());
  std::string authorization;
  w->authorize([&](mw::result<std::string> t) { authorization = *t; });
  CHECK(authorization == "Bearer t1");
  CHECK(tokens.scopes == std::vector<std::string>{"https://monitor.azure.com/.default"});
  const auto items = batch(1);
  (void)w->compose(items, authorization);
  CHECK(w->judge(answer(401), items).all_again);
  CHECK(tokens.refusals == std::vector<std::string>{"t1"});
}
