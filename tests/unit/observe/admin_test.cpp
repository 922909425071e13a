#include <doctest/doctest.h>
#include <simdjson.h>

#include <thread>

#include "protocol/observe/admin_endpoints.hpp"

using namespace std::chrono_literals;
using namespace mw::observe;

namespace {

struct house {
  mw::wall_time now = *mw::parse_iso_time("2026-01-02T03:04:05Z");
  metrics m{"1.2.3"};
  status_board board{{"memory-worker", "node-1", "1.2.3", required_parts, [this] { return now; }}};

  mw::http::server_response get(const char* path, const char* method = "GET") {
    mw::http::server_request r;
    r.method = method;
    r.path = path;
    return admin_routes(r, m, board);
  }
  void all_well() {
    for (const auto& part : required_parts) board.set(part, state::ok, "answers");
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool is_json(const std::string& text) {
  simdjson::dom::parser parser;
  return parser.parse(text).error() == simdjson::SUCCESS;
}

}  // namespace

TEST_CASE("ready: only when every required part is well, and the body says which isn't, why and since when") {
  house h;
  CHECK(h.get("/health/ready").status == 503);
  h.board.set("bus", state::ok, "link attached");
  h.board.set("redis", state::ok, "answers");
  h.board.set("llm", state::ok, "probe answered");
  CHECK(h.get("/health/ready").status == 503);
  CHECK(contains(h.get("/health/ready").body, R"("memory":{"state":"starting","detail":"not tried yet",)"));
  h.board.set("memory", state::degraded, "a foreign Memory API without ETags");
  CHECK(h.get("/health/ready").status == 200);
  h.now += 10s;
  h.board.set("redis", state::down, "connect r:6379: Connection refused");
  h.now += 10s;
  h.board.set("redis", state::down, "connect r:6379: timed out");
  const auto r = h.get("/health/ready");
  CHECK(r.status == 503);
  CHECK(is_json(r.body));
  CHECK(contains(r.body, R"({"ready":false,"parts":{"bus":{"state":"ok","detail":"link attached",)"));
  CHECK(contains(
      r.body,
      R"("redis":{"state":"down","detail":"connect r:6379: timed out","since":"2026-01-02T03:04:15.000000+00:00"})"));
  h.board.set("redis", state::ok, "answers");
  CHECK(h.board.ready());
}

TEST_CASE("ready: any other part that is published counts, and draining is not ready") {
  house h;
  h.all_well();
  h.board.set("process", state::stopping, "draining");
  CHECK(h.get("/health/ready").status == 503);
  h.board.remove("process");
  CHECK(h.get("/health/ready").status == 200);
  h.board.remove("redis");
  CHECK(h.get("/health/ready").status == 503);
}

TEST_CASE("live answers whatever the parts are") {
  house h;
  CHECK(h.get("/health/live").status == 200);
  CHECK(h.get("/health/live").body == R"({"live":true})");
}

TEST_CASE("status is JSON with identity, parts and facts") {
  house h;
  h.now += 90s;
  h.board.fact("run_id", "abc\"");
  h.board.fact("windows", 12);
  h.board.fact("windows", 13);
  const auto r = h.get("/status");
  CHECK(r.status == 200);
  CHECK(r.content_type == "application/json");
  CHECK(is_json(r.body));
  CHECK(contains(r.body, R"("service":"memory-worker","node":"node-1","version":"1.2.3")"));
  CHECK(contains(r.body, R"("uptime_s":90)"));
  CHECK(contains(r.body, R"("facts":{"run_id":"abc\"","windows":13})"));
}

TEST_CASE("other methods are 405 with Allow, other paths 404 naming the right ones") {
  house h;
  for (const char* path : {"/metrics", "/health/live", "/health/ready", "/status"}) {
    const auto r = h.get(path, "POST");
    CHECK(r.status == 405);
    REQUIRE(r.headers.size() == 1);
    CHECK(r.headers[0].first == "Allow");
    CHECK(h.get(path, "HEAD").status != 405);
  }
  CHECK(h.get("/").status == 404);
  CHECK(contains(h.get("/").body, "/health/ready"));
  CHECK(h.get("/metrics/").status == 404);
}

TEST_CASE("metrics: Prometheus text with the declared families, zero before anything happened") {
  house h;
  const auto r = h.get("/metrics");
  CHECK(r.status == 200);
  CHECK(r.content_type == "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line : {
           "memory_worker_deliveries_received_total{kind=\"first\"} 0\n",
           "memory_worker_deliveries_settled_total{outcome=\"dead-letter\"} 0\n",
           "memory_worker_windows_open 0\n",
           "memory_worker_commits_total{outcome=\"stored\"} 0\n",
           "memory_worker_stage_duration_seconds_count{stage=\"load\"} 0\n",
           "memory_worker_requests_total{dependency=\"llm\",result=\"ok\"} 0\n",
           "memory_worker_breaker_state{dependency=\"memory-store\"} 0\n",
           "memory_worker_build_info{version=\"1.2.3\"} 1\n",
           "# TYPE memory_worker_lock_renewals_total counter\n",
           "# TYPE memory_worker_dead_letters_total counter\n",
           "# TYPE process_cpu_seconds_total counter\n",
       })
    CHECK_MESSAGE(contains(r.body, line), line);
  CHECK_FALSE(contains(r.body, "process_resident_memory_bytes 0\n"));
}

TEST_CASE("metrics: what is counted is exposed") {
  house h;
  h.m.deliveries_settled.at("complete").Increment();
  h.m.dead_letters.at("invalid-event").Increment(2);
  h.m.bytes_in_flight.Set(4096);
  const auto refused = mw::fail(mw::dependency::redis, mw::errc::timed_out, "GET");
  h.m.request_ended(mw::dependency::redis, &refused, 2s);
  h.m.request_ended(mw::dependency::memory, nullptr, 3ms);
  h.m.request_ended(mw::dependency::none, nullptr, 3ms);
  const auto text = h.m.expose();
  CHECK(contains(text, "memory_worker_deliveries_settled_total{outcome=\"complete\"} 1\n"));
  CHECK(contains(text, "memory_worker_dead_letters_total{reason=\"invalid-event\"} 2\n"));
  CHECK(contains(text, "memory_worker_bytes_in_flight 4096\n"));
  CHECK(contains(text, "memory_worker_requests_total{dependency=\"redis\",result=\"timed-out\"} 1\n"));
  CHECK(contains(text, "memory_worker_requests_total{dependency=\"memory-store\",result=\"ok\"} 1\n"));
  CHECK(contains(text, "memory_worker_request_duration_seconds_bucket{dependency=\"redis\",le=\"2.5\"} 1\n"));
}

TEST_CASE("metrics: a label with ever new values ends in 'other' instead of growing") {
  house h;
  for (int i = 0; i < 1'000; ++i) h.m.failures.at("reason-" + std::to_string(i)).Increment();
  const auto text = h.m.expose();
  CHECK(contains(text, "memory_worker_job_failures_total{code=\"other\"} 937\n"));
  CHECK(contains(text, "code=\"reason-62\""));
  CHECK_FALSE(contains(text, "code=\"reason-63\""));
}

TEST_CASE("metrics: threads that meet at a new label count in one series") {
  house h;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&h] {
      for (int i = 0; i < 1'000; ++i)
        h.m.actor_restarts.at(i % 2 == 0 ? "receiver" : "dispatcher").Increment();
    });
  for (auto& t : threads) t.join();
  const auto text = h.m.expose();
  CHECK(contains(text, "memory_worker_actor_restarts_total{actor=\"receiver\"} 2000\n"));
  CHECK(contains(text, "memory_worker_actor_restarts_total{actor=\"dispatcher\"} 2000\n"));
}
