#include "cmd/memory-devstack/bus/options.hpp"

#include <doctest/doctest.h>

using namespace mw::devstack;

namespace {

mw::result<bus_options> parse(const std::vector<std::string>& args) {
  return parse_bus_options(args);
}

}  // namespace

TEST_CASE("bus options: without any, there is the topic and subscription of the chat application") {
  const auto o = parse({});
  REQUIRE(o);
  REQUIRE(o->topics.size() == 1);
  CHECK(o->topics[0].name == "message-completed");
  CHECK(o->topics[0].subscriptions == std::vector<std::string>{"memory-worker-message-completed"});
  CHECK(o->settings.lock_ms == 30'000);
  CHECK_FALSE(o->admin_port);
}

TEST_CASE("bus options: values are read in both spellings, topics may be many") {
  const auto o = parse({"--port=0", "--topic", "a:s1,s2", "--topic=b:s", "--lock-duration", "500ms",
                        "--max-delivery-count", "3", "--admin-port", "0", "--queue", "q"});
  REQUIRE(o);
  CHECK(o->port == 0);
  CHECK(o->topics.size() == 2);
  CHECK(o->topics[0].subscriptions == std::vector<std::string>{"s1", "s2"});
  CHECK(o->settings.lock_ms == 500);
  CHECK(o->settings.max_delivery_count == 3);
  CHECK(o->admin_port == 0);
  CHECK(o->queues == std::vector<std::string>{"q"});
}

TEST_CASE("bus options: what makes no sense is refused in one line that names it") {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"--prot", "1"},
                                             {"--port"},
                                             {"--port", "70000"},
                                             {"--port", "x"},
                                             {"--topic", "a"},
                                             {"--topic", "a:"},
                                             {"--topic", ":s"},
                                             {"--lock-duration", "0s"},
                                             {"--lock-duration", "-1s"},
                                             {"--lock-duration", "2d"},
                                             {"--max-delivery-count", "0"},
                                             {"--tls-cert", "only"},
                                             {"stray"}}) {
    const auto o = parse(args);
    REQUIRE_FALSE(o);
    CHECK(o.error().code == mw::errc::misconfigured);
    CHECK(o.error().detail.find('\n') == std::string::npos);
    CHECK(o.error().detail.find(args[0] == "stray" ? "stray" : args[0].substr(0, 5)) != std::string::npos);
  }
}

TEST_CASE("bus options: durations") {
  CHECK(parse_duration("250ms") == 250);
  CHECK(parse_duration("30s") == 30'000);
  CHECK(parse_duration("5m") == 300'000);
  CHECK(parse_duration("7") == 7000);
  CHECK_FALSE(parse_duration(""));
  CHECK_FALSE(parse_duration("s"));
  CHECK_FALSE(parse_duration("99999999999999999999s"));
}
