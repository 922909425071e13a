#include "protocol/azure/sas.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using mw::azure::parse_connection_string;

namespace {
std::string why_not(std::string_view text) {
  const auto parsed = parse_connection_string(text);
  return parsed ? std::string{"accepted"} : mw::to_string(parsed.error());
}
bool says(std::string_view text, std::string_view what) {
  return why_not(text).find(what) != std::string::npos;
}
}  // namespace

TEST_CASE("sas: the token equals the one Microsoft's SDK makes for the same audience, key and time") {
  const std::chrono::system_clock::time_point expires{1700003600s};
  CHECK(mw::azure::make_sas_token("sb://localhost:5673/memories/Subscriptions/worker",
                                  "RootManageSharedAccessKey", "SAS_KEY_VALUE", expires) ==
        "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%3A5673%2Fmemories%2FSubscriptions%2Fworker"
        "&sig=YqbvWBJLkTNq1V2udpLb%2FnD8USeVb3rRyTIYD%2BnJAow%3D&se=1700003600"
        "&skn=RootManageSharedAccessKey");
}

TEST_CASE("sas: the expiry of a ready-made signature is read back, a missing one is the epoch") {
  const std::chrono::system_clock::time_point expires{1700003600s};
  CHECK(mw::azure::sas_expiry(mw::azure::make_sas_token("sb://h/q", "k", "secret", expires)) == expires);
  CHECK(mw::azure::sas_expiry("SharedAccessSignature sr=x&sig=se%3D&skn=k").time_since_epoch().count() == 0);
  CHECK(mw::azure::sas_expiry("se=9223372037").time_since_epoch().count() == 0);
}

TEST_CASE("connection string: a namespace string means TLS on 5671") {
  const auto c = parse_connection_string(
      "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=listen;SharedAccessKey=abc=def==");
  REQUIRE(c);
  CHECK(c->host == "shop.servicebus.windows.net");
  CHECK(c->port == 5671);
  CHECK(c->tls);
  CHECK(c->key_name == "listen");
  CHECK(c->key == "abc=def==");
  CHECK(c->entity_path.empty());
}

TEST_CASE("connection string: the development emulator means plain TCP on 5672, or on the port given") {
  const std::string tail = ";SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;";
  const auto plain = parse_connection_string("Endpoint=sb://localhost" + tail);
  REQUIRE(plain);
  CHECK(plain->host == "localhost");
  CHECK(plain->port == 5672);
  CHECK_FALSE(plain->tls);
  const auto with_port = parse_connection_string("Endpoint=sb://127.0.0.1:5673/" + tail);
  REQUIRE(with_port);
  CHECK(with_port->host == "127.0.0.1");
  CHECK(with_port->port == 5673);
  const auto six = parse_connection_string("Endpoint=sb://[::1]:5673" + tail);
  REQUIRE(six);
  CHECK(six->host == "::1");
  CHECK(six->port == 5673);
}

TEST_CASE("connection string: names are read without regard to case, unknown parts are ignored") {
  const auto c = parse_connection_string(
      " endpoint=sb://h/ ; sharedaccesskeyname=n; SHAREDACCESSKEY=k ;TransportType=Amqp;EntityPath=t");
  REQUIRE(c);
  CHECK(c->key_name == "n");
  CHECK(c->key == "k");
  CHECK(c->entity_path == "t");
}

TEST_CASE("connection string: a ready-made signature replaces name and key") {
  const auto c = parse_connection_string(
      "Endpoint=sb://h/;SharedAccessSignature=SharedAccessSignature sr=a&sig=b&se=1&skn=c");
  REQUIRE(c);
  CHECK(c->signature == "SharedAccessSignature sr=a&sig=b&se=1&skn=c");
}

TEST_CASE("connection string: the error names the missing or wrong part and never the key") {
  CHECK(says("", "Endpoint"));
  CHECK(says("SharedAccessKeyName=a;SharedAccessKey=b", "Endpoint=sb://... is missing"));
  CHECK(says("Endpoint=sb://h/;SharedAccessKey=b", "SharedAccessKeyName is missing"));
  CHECK(says("Endpoint=sb://h/;SharedAccessKeyName=a", "SharedAccessKey is missing"));
  CHECK(says("Endpoint=h;SharedAccessKeyName=a;SharedAccessKey=topsecret", "Endpoint must look like"));
  CHECK(says("Endpoint=sb://h:99999;SharedAccessKeyName=a;SharedAccessKey=b", "port"));
  CHECK(says("Endpoint=sb://;SharedAccessKeyName=a;SharedAccessKey=b", "names no host"));
  CHECK(says("Endpoint=sb://h/;SharedAccessKeyName=a;SharedAccessKey=b;nonsense", "Name=Value"));
  CHECK_FALSE(says("Endpoint=h;SharedAccessKeyName=a;SharedAccessKey=topsecret", "topsecret"));
}

TEST_CASE("namespace without a connection string: host, also with a port, scheme and slash; always TLS") {
  const auto plain = mw::azure::parse_namespace("chat.servicebus.windows.net", 5671);
  REQUIRE(plain);
  CHECK(plain->host == "chat.servicebus.windows.net");
  CHECK(plain->port == 5671);
  CHECK(plain->tls);
  CHECK(plain->key.empty());
  CHECK(mw::azure::parse_namespace(" sb://chat.servicebus.windows.net/ ", 5671)->host ==
        "chat.servicebus.windows.net");
  CHECK(mw::azure::parse_namespace("localhost:7001", 5671)->port == 7001);
  CHECK(mw::azure::parse_namespace("localhost", 7002)->port == 7002);
  for (const char* wrong : {"", "sb://", "a b", "host:0", "host:port", "Endpoint=sb://h;SharedAccessKey=k"}) {
    const auto r = mw::azure::parse_namespace(wrong, 5671);
    REQUIRE_FALSE(r);
    CHECK(r.error().code == mw::errc::misconfigured);
    CHECK(r.error().detail.find("SERVICEBUS_FULLY_QUALIFIED_NAMESPACE") != std::string::npos);
    CHECK(r.error().detail.find("SharedAccessKey") == std::string::npos);
  }
}
