// Entra over TLS, as it really is: the certificate's name and authority are checked.
#include "cmd/memory-devstack/tls/front.hpp"
#include "tests/unit/amqp_bus/certificate.hpp"
#include "tests/unit/azure/entra_fixture.hpp"

using namespace mw;
using namespace mw::azure;
using namespace mw::azure::test;

TEST_CASE("environment: a token over TLS from a host that the certificate is for, else none") {
  const amqp::test::certificate pair{"localhost"};
  entra e;
  const auto front = devstack::tls_front::start(0, e.port(), pair.cert_file, pair.key_file);
  REQUIRE(front);
  const std::string port = std::to_string((*front)->port());
  auto right = worker::with_secret(e);
  right.ca_file = pair.cert_file;
  right.client.authority_host = "localhost:" + port;
  CHECK(right.get());
  CHECK(right.get("https://redis.azure.com/.default"));
  auto name = worker::with_secret(e);
  name.ca_file = pair.cert_file;
  name.client.authority_host = "https://127.0.0.1:" + port + "/";
  CHECK(name.get_and_fail().code == errc::unreachable);
  auto authority = worker::with_secret(e);
  authority.client.authority_host = "https://localhost:" + port;
  CHECK(authority.get_and_fail().code == errc::unreachable);
}

TEST_CASE("TLS front: many bytes go through both ways, and a port that is taken is told") {
  const amqp::test::certificate pair{"localhost"};
  const std::string big(3'000'000, 'x');
  const auto server = http::server::start({}, [&](const http::server_request& r) {
    http::server_response answer;
    answer.body = r.body + big;
    return answer;
  });
  REQUIRE(server);
  const auto front = devstack::tls_front::start(0, (*server)->port(), pair.cert_file, pair.key_file);
  REQUIRE(front);
  CHECK_FALSE(devstack::tls_front::start((*front)->port(), 1, pair.cert_file, pair.key_file));
  io::loop_thread thread;
  http::client client{thread.get(), {.ca_file = pair.cert_file}};
  http::request r;
  r.method = "POST";
  r.url = "https://localhost:" + std::to_string((*front)->port()) + "/";
  r.body = big;
  std::promise<result<http::response>> told;
  client.send(std::move(r), [&](result<http::response> answer) { told.set_value(std::move(answer)); });
  const auto answer = told.get_future().get();
  REQUIRE(answer);
  CHECK(answer->body.size() == 2 * big.size());
}
