// A process that could open no more files said that the LLM was down, stopped its intake and started it
// again. The same with real processes: running_out_of_open_files_blamed_the_llm.test.mjs.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <future>

#include "protocol/http/client.hpp"
#include "protocol/http/server.hpp"
#include "protocol/io/open_files.hpp"
#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

/// Lets this process open only so many files, while it lives.
class soft_limit {
 public:
  explicit soft_limit(rlim_t files) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit low{std::min(files, before_.rlim_max), before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  }
  ~soft_limit() { setrlimit(RLIMIT_NOFILE, &before_); }
  soft_limit(const soft_limit&) = delete;
  soft_limit& operator=(const soft_limit&) = delete;

 private:
  rlimit before_{};
};

result<http::response> fetch(http::client& c, uint16_t port) {
  http::request r;
  r.url = fmt::format("http://127.0.0.1:{}/", port);
  std::promise<result<http::response>> answer;
  c.send(std::move(r), [&](result<http::response> got) { answer.set_value(std::move(got)); });
  return answer.get_future().get();
}

TEST_CASE("the soft limit of open files is raised to the hard one") {
  const soft_limit low{256};
  rlimit now{};
  getrlimit(RLIMIT_NOFILE, &now);
  REQUIRE(now.rlim_cur <= 256);
  CHECK(io::raise_open_files_limit() == now.rlim_max);
  CHECK(io::open_files_limit() == now.rlim_max);
}

TEST_CASE("a request for which no file is left says so, and files are kept back from requests") {
  const auto server =
      http::server::start({}, [](const http::server_request&) { return http::server_response{}; });
  REQUIRE(server);
  io::loop_thread loop;
  http::client client{loop.get(), {}};
  {
    const soft_limit low{io::kept_back_files + 2};
    const auto got = fetch(client, (*server)->port());
    REQUIRE_FALSE(got);
    CHECK(got.error().code == errc::open_files);
    CHECK(got.error().detail.find("ulimit -n") != std::string::npos);
    // There are some for others.
    std::FILE* const other = std::fopen("/dev/null", "r");
    CHECK(other != nullptr);
    if (other != nullptr) std::fclose(other);
  }
  CHECK(fetch(client, (*server)->port()));
}

TEST_CASE("conversations for which no file was left wait; the LLM is not named, the intake stays open") {
  world w;
  w.llm.judge = [](const llm::analysis_input&) {
    return std::optional{fail(dependency::llm, errc::open_files, "no file is left")};
  };
  for (int i = 1; i <= 50; ++i) w.say(i, fmt::format("u{}", i), fmt::format("s{}", i));
  w.advance(std::chrono::minutes{2});
  CHECK(w.bus.drains == 0);
  CHECK(w.bus.settled.empty());
  CHECK(w.status_json().find("\"llm\":{\"state\":\"ok\"") != std::string::npos);
  w.llm.judge = nullptr;
  w.advance(seconds{30});
  CHECK(w.store.records.size() == 50);
}

}  // namespace
}  // namespace mw::test
