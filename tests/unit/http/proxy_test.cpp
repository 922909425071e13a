#include <doctest/doctest.h>
#include <stdlib.h>

#include <future>

#include "protocol/http/client.hpp"
#include "protocol/http/server.hpp"

using namespace mw;

namespace {

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

}  // namespace

TEST_CASE("client: no_proxy goes past the environment's proxy, other requests do not") {
  const auto server = http::server::start({}, [](const http::server_request&) {
    http::server_response r;
    r.body = "hello";
    return r;
  });
  REQUIRE(server);
  const std::string url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/";
  setenv("http_proxy", "http://127.0.0.1:9", 1);
  CHECK(get(url, true));
  CHECK_FALSE(get(url, false));
  unsetenv("http_proxy");
}
