#include <doctest/doctest.h>
#include <stdlib.h>

#include <atomic>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "protocol/http/client.hpp"
#include "protocol/http/server.hpp"
#include "tests/unit/amqp_bus/certificate.hpp"
#include "tests/unit/http/nginx.hpp"
#include "tests/unit/http/tunnel_proxy.hpp"

using namespace mw;

namespace {

auto greeting_server() {
  return http::server::start({}, [](const http::server_request&) {
    http::server_response r;
    r.body = "hello";
    return r;
  });
}

result<http::response> get(const std::string& url, bool no_proxy) {
  io::loop_thread thread;
  http::client client{thread.get(), {}};
  http::request r;
  r.url = url;
  r.no_proxy = no_proxy;
  std::promise<result<http::response>> told;
  client.send(std::move(r), [&](result<http::response> answer) { told.set_value(std::move(answer)); });
  return told.get_future().get();
}

/// Keeps `width` requests under way until `count` were sent; gives the words of those that failed.
class load {
 public:
  load(http::client& client, std::string url, int width, int count)
      : client_(client), url_(std::move(url)), left_(count), open_(width) {
    for (int i = 0; i < width; ++i) next();
  }
  std::vector<std::string> failures() {
    over_.get_future().wait();
    const std::lock_guard lock{mutex_};  // the last callback has let go of us
    return failures_;
  }

 private:
  void next() {
    if (left_-- <= 0) {
      if (--open_ == 0) over_.set_value();
      return;
    }
    http::request r;
    r.url = url_;
    client_.send(std::move(r), [this](const result<http::response>& answer) {
      const std::lock_guard lock{mutex_};
      if (!answer) failures_.push_back(answer.error().detail);
      next();
    });
  }
  http::client& client_;
  const std::string url_;
  std::atomic<int> left_;
  std::atomic<int> open_;
  std::mutex mutex_;
  std::vector<std::string> failures_;
  std::promise<void> over_;
};

}  // namespace

TEST_CASE("client: no_proxy goes past the environment's proxy, other requests do not") {
  const auto server = greeting_server();
  REQUIRE(server);
  const std::string url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/";
  setenv("http_proxy", "http://127.0.0.1:9", 1);
  CHECK(get(url, true));
  CHECK_FALSE(get(url, false));
  unsetenv("http_proxy");
}

TEST_CASE("client: a server that ends each connection after some requests costs none of them") {
  const auto server = greeting_server();
  REQUIRE(server);
  const amqp::test::certificate certificate{"localhost"};
  const http::testing::nginx front{(*server)->port(), certificate.cert_file, certificate.key_file,
                                   "keepalive_requests 100;"};
  const http::testing::tunnel_proxy proxy;
  bool proxied = false;
  SUBCASE("directly") {}
  SUBCASE("through a proxy") {
    proxied = true;
  }
  if (proxied) setenv("https_proxy", proxy.url().c_str(), 1);
  {
    io::loop_thread thread;
    http::client_options options;
    options.ca_file = certificate.cert_file;
    http::client client{thread.get(), options};
    load l{client, "https://localhost:" + std::to_string(front.port()) + "/", 10, 3'000};
    const auto failures = l.failures();
    CHECK_MESSAGE(failures.empty(), failures.size(), " as: ", failures.empty() ? std::string{} : failures[0]);
  }
  unsetenv("https_proxy");
  CHECK(proxy.tunnels() >= (proxied ? 3'000 / 100 : 0));
}
