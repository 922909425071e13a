// A host given with its port or as a URL was accepted and failed later as an unknown host; a Kubernetes
// service link in REDIS_PORT was told to be no integer.
#include <doctest/doctest.h>

#include "cmd/memory-api/options.hpp"
#include "protocol/azure/sas.hpp"
#include "tests/unit/config/load_fixture.hpp"

using namespace mw::config;
using mw::config::test::scene;

namespace {

std::string told(std::string_view host) {
  return scene{}
      .env("SERVICEBUS_CONNECTION_STRING", "Endpoint=sb://x/")
      .env("REDIS_HOST", host)
      .problems(need::nothing);
}

bool says(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::all_of(words.begin(), words.end(),
                     [&](std::string_view w) { return text.find(w) != std::string::npos; });
}

}  // namespace

TEST_CASE("names and addresses of hosts are taken as they are") {
  for (const std::string_view host :
       {"redis", "cache.example.net", "my_redis", "10.0.0.7", "::1", "fe80::1%eth0", "2001:db8::7",
        "xn--bcher-kva.example", "cache.example.net."}) {
    CAPTURE(host);
    CHECK(told(host).empty());
  }
}

TEST_CASE("a host with its port: the error says both variables") {
  CHECK(told("cache.example.net:10000") ==
        "REDIS_HOST: session_loader.host: expected the name or address of a host alone, got host and port; "
        "write "
        "REDIS_HOST=cache.example.net and REDIS_PORT=10000");
  CHECK(says(told("[::1]:6379"), {"REDIS_HOST=::1 ", "REDIS_PORT=6379"}));
  CHECK(says(told("[::1]"), {"REDIS_HOST=::1,", "REDIS_PORT"}));
}

TEST_CASE("a URL as host: the error says what to write, and nothing of its password") {
  CHECK(says(told("rediss://cache.example.net:10000"),
             {"a URL", "REDIS_HOST=cache.example.net ", "REDIS_PORT=10000", "REDIS_SSL=true"}));
  CHECK(says(told("redis://cache.example.net"),
             {"REDIS_HOST=cache.example.net,", "REDIS_PORT", "REDIS_SSL=false"}));
  CHECK(says(told("tcp://10.96.0.12:6379"), {"REDIS_HOST=10.96.0.12 ", "REDIS_PORT=6379"}));
  for (const std::string_view url :
       {"rediss://ann:hunter2@cache.example.net:6380/0", "ann:hunter2@cache.example.net:6380",
        "cache.example.net:6380,password=hunter2,ssl=True", "cache.example.net:6380?password=hunter2"}) {
    CAPTURE(url);
    const auto text = told(url);
    CHECK(
        says(text, {"REDIS_HOST=cache.example.net ", "REDIS_PORT=6380", "REDIS_USERNAME", "REDIS_PASSWORD"}));
    CHECK(text.find("hunter2") == std::string::npos);
  }
  for (const std::string_view odd :
       {"unix:///var/run/redis.sock", "/var/run/redis.sock", "one two", "a:b:c", ":6379"}) {
    CAPTURE(odd);
    CHECK(says(told(odd), {"REDIS_HOST", "REDIS_PORT"}));
  }
}

TEST_CASE("a service link in place of a port is explained") {
  for (const std::string_view link :
       {"tcp://10.96.0.12:6379", "udp://10.96.0.12:6379", "\"tcp://[fd00::1]:6379\"\n"})
    CHECK(says(scene{}.four().env("REDIS_PORT", link).problems(),
               {"REDIS_PORT", "service link", "enableServiceLinks"}));
  const auto api = mw::api::read_options(
      {}, [](std::string_view name) -> std::string { return name == "PORT" ? "tcp://10.96.0.9:8003" : ""; });
  REQUIRE_FALSE(api);
  CHECK(says(api.error().detail, {"PORT", "service link", "enableServiceLinks"}));
}

TEST_CASE("the address of the admin port is one without a port") {
  CHECK(says(scene{}.four().env("MEMORY_WORKER_ADMIN_BIND", "0.0.0.0:9464").problems(),
             {"MEMORY_WORKER_ADMIN_BIND=0.0.0.0", "--admin.port=9464"}));
  CHECK(scene{}.four().env("MEMORY_WORKER_ADMIN_BIND", "::").problems().empty());
}

TEST_CASE("a namespace may be the address that the portal shows") {
  for (const std::string_view text : {"chat.servicebus.windows.net", "sb://chat.servicebus.windows.net/",
                                      "https://chat.servicebus.windows.net:443/"}) {
    CAPTURE(text);
    const auto bus = mw::azure::parse_namespace(text, 5671);
    REQUIRE(bus);
    CHECK(bus->host == "chat.servicebus.windows.net");
    CHECK(bus->port == 5671);
  }
}
