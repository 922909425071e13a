#include "bus_fixture.hpp"
#include "certificate.hpp"

using namespace mw::amqp;
using namespace mw::amqp::test;
using mw::errc;

namespace {

mw::devstack::bus_options tls_bus(const certificate& cert) {
  mw::devstack::bus_options o;
  o.tls_cert = cert.cert_file;
  o.tls_key = cert.key_file;
  return o;
}

link_options tls_options(const dev_bus& bus, const std::string& host, const std::string& ca_file) {
  auto o = options_for(bus);
  o.host = host;
  o.tls = true;
  o.ca_file = ca_file;
  return o;
}

}  // namespace

TEST_CASE("receiver link: over TLS with a trusted certificate of the right name everything works") {
  const certificate cert{"localhost"};
  dev_bus bus{tls_bus(cert)};
  bus.publish(200, std::string(5000, 'x'));
  client c{tls_options(bus, "localhost", cert.cert_file)};
  c.become_ready(200);
  c.wait([&] { return c.deliveries().size() == 200; });
  for (const auto& d : c.deliveries()) c->settle(d.sequence_number, {});
  c.wait([&] { return c.settled().size() == 200; });
  CHECK(bus.totals().completed == 200);
}

TEST_CASE("receiver link: a certificate for another name is refused, and the reason says so") {
  const certificate cert{"localhost"};
  dev_bus bus{tls_bus(cert)};
  client c{tls_options(bus, "127.0.0.1", cert.cert_file)};
  const auto f = c.start_and_fail();
  CHECK(f.code == errc::misconfigured);
  CHECK(f.detail.find("another host, localhost and not 127.0.0.1") != std::string::npos);
}

TEST_CASE("receiver link: a certificate for another host is refused, and the reason names ours") {
  const certificate cert{"somebody-else.example"};
  dev_bus bus{tls_bus(cert)};
  bus.publish(1);
  client c{tls_options(bus, "localhost", cert.cert_file)};
  c->add_credit(1);
  const auto f = c.start_and_fail();
  CHECK(f.code == errc::misconfigured);
  CHECK(f.detail.find("localhost") != std::string::npos);
  CHECK(f.detail.find("certificate refused: it is for another host") != std::string::npos);
  CHECK(bus.totals().delivered == 0);
}

TEST_CASE("receiver link: an expired certificate, or one of the future, is refused, and the clock is told") {
  struct lifetime {
    long from, until;
    std::string words;
  };
  for (const auto& l : {lifetime{-7200, -3600, "it expired on"}, lifetime{3600, 7200, "it is valid from"}}) {
    CAPTURE(l.words);
    const certificate cert{"localhost", l.from, l.until};
    dev_bus bus{tls_bus(cert)};
    bus.publish(1);
    client c{tls_options(bus, "localhost", cert.cert_file)};
    c->add_credit(1);
    const auto f = c.start_and_fail();
    CHECK(f.code == errc::misconfigured);
    CHECK(f.detail.find(l.words) != std::string::npos);
    CHECK(f.detail.find("or this machine's clock is wrong") != std::string::npos);
    CHECK(bus.totals().delivered == 0);
  }
}

TEST_CASE("receiver link: a certificate nobody trusts is refused, and the reason says so") {
  const certificate cert{"localhost"};
  const certificate other{"localhost"};
  dev_bus bus{tls_bus(cert)};
  client c{tls_options(bus, "localhost", other.cert_file)};
  const auto f = c.start_and_fail();
  CHECK(f.code == errc::misconfigured);
  CHECK(f.detail.find("certificate refused: unknown authority") != std::string::npos);
  CHECK(bus.totals().delivered == 0);
}

TEST_CASE(
    "receiver link: TLS to a plain port, and plain to a TLS port, end with a reason instead of hanging") {
  const certificate cert{"localhost"};
  dev_bus plain;
  client to_plain{tls_options(plain, "localhost", cert.cert_file)};
  CHECK(to_plain.start_and_fail().code == errc::unreachable);
  dev_bus secure{tls_bus(cert)};
  client to_secure{options_for(secure)};
  CHECK(to_secure.start_and_fail().code == errc::connection_lost);
}

TEST_CASE("receiver link: a CA file that cannot be read is a configuration error that names it") {
  dev_bus bus;
  client c{tls_options(bus, "localhost", "/nonexistent/ca.pem")};
  const auto f = c.start_and_fail();
  CHECK(f.code == errc::misconfigured);
  CHECK(f.detail.find("/nonexistent/ca.pem") != std::string::npos);
}
