#include <doctest/doctest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <set>

#include "protocol/http/client.hpp"
#include "protocol/http/server.hpp"
#include "tests/unit/amqp_bus/certificate.hpp"
#include "tests/unit/http/nginx.hpp"

using namespace std::chrono_literals;
using mw::errc;
using mw::http::client;
using mw::http::client_options;
using mw::http::request;
using mw::http::response;
using mw::http::server_request;
using mw::http::server_response;
using mw::http::testing::nginx;

namespace {

constexpr size_t parallel = 32;

/// Answers a request only when `parallel` of them are there: they have to be under way at the same time.
struct meeting {
  explicit meeting(size_t size = parallel) : expected(size) {
    mw::http::server_options options;
    options.threads = parallel * 2;
    auto s = mw::http::server::start(options, [this](const server_request& r) { return take(r); });
    REQUIRE(s);
    server = std::move(*s);
  }
  server_response take(const server_request& r) {
    std::unique_lock lock{mutex};
    connections.insert(std::string{r.header("x-connection")});
    protocols.insert(std::string{r.header("x-protocol")});
    ++there;
    all_there.notify_all();
    const bool met = all_there.wait_for(lock, 20s, [this] { return there >= expected; });
    server_response answer;
    answer.status = met ? 200 : 504;
    answer.body = "answer to " + r.parameter("n") + " with " + std::to_string(r.body.size());
    return answer;
  }

  const size_t expected;
  std::mutex mutex;
  std::condition_variable all_there;
  size_t there = 0;
  std::set<std::string> connections;
  std::set<std::string> protocols;
  std::unique_ptr<mw::http::server> server;
};

struct scene {
  explicit scene(size_t size = parallel) : place(size) {}
  mw::amqp::test::certificate certificate{"localhost"};
  meeting place;
  nginx front{place.server->port(), certificate.cert_file, certificate.key_file};
  mw::io::loop_thread loop;

  std::vector<mw::result<response>> send_all(client& c, size_t count) const {
    std::vector<std::future<mw::result<response>>> waiting;
    for (size_t i = 0; i < count; ++i) {
      request r;
      r.method = "POST";
      r.url = "https://localhost:" + std::to_string(front.port()) + "/ask?n=" + std::to_string(i);
      r.body.assign(1'000 * (i + 1), 'x');
      auto promise = std::make_shared<std::promise<mw::result<response>>>();
      waiting.push_back(promise->get_future());
      c.send(std::move(r), [promise](mw::result<response> a) { promise->set_value(std::move(a)); });
    }
    std::vector<mw::result<response>> answers;
    answers.reserve(waiting.size());
    for (auto& w : waiting) answers.push_back(w.get());
    return answers;
  }
  client_options trusting() const {
    client_options o;
    o.ca_file = certificate.cert_file;
    return o;
  }
};

void check_own_answers(const std::vector<mw::result<response>>& answers) {
  for (size_t i = 0; i < answers.size(); ++i) {
    REQUIRE(answers[i]);
    CHECK(answers[i]->status == 200);
    CHECK(answers[i]->body == "answer to " + std::to_string(i) + " with " + std::to_string(1'000 * (i + 1)));
  }
}

}  // namespace

TEST_CASE("http/2: requests under way at once share one connection, and each gets its own answer") {
  scene s;
  client c{s.loop.get(), s.trusting()};
  check_own_answers(s.send_all(c, parallel));
  CHECK(s.place.protocols == std::set<std::string>{"HTTP/2.0"});
  CHECK(s.place.connections.size() == 1);
}

TEST_CASE("http/2: where it is switched off, or not offered, HTTP/1.1 does the same over more connections") {
  scene s;
  auto options = s.trusting();
  options.http2 = false;
  client c{s.loop.get(), options};
  check_own_answers(s.send_all(c, parallel));
  CHECK(s.place.protocols == std::set<std::string>{"HTTP/1.1"});
  CHECK(s.place.connections.size() == parallel);
}

TEST_CASE("https: a server whose certificate nobody vouches for is not talked to") {
  scene s{1};
  client c{s.loop.get(), {}};
  const auto answers = s.send_all(c, 1);
  REQUIRE_FALSE(answers[0]);
  CHECK(answers[0].error().code == errc::unreachable);
  CHECK(answers[0].error().detail.find("certificate") != std::string::npos);
  CHECK(s.place.there == 0);
}
