// The link with tokens that end soon.
#include "cmd/memory-devstack/jwt/jwt.hpp"
#include "tests/unit/amqp_bus/bus_fixture.hpp"

using namespace mw::amqp;
using namespace mw::amqp::test;
using mw::errc;

namespace {

mw::devstack::bus_options with_jwt() {
  mw::devstack::bus_options o;
  o.tokens.jwt_key = "shared";
  return o;
}

/// A token source whose tokens live `life` from when they are asked for, by the bus's reckoning and by ours.
struct source {
  std::chrono::seconds life;
  std::chrono::seconds told_life = life;
  std::atomic<int> given{0};
  std::atomic<int> refused{0};

  link_options options(const dev_bus& bus) {
    auto o = options_for(bus);
    o.token_for = [this](const std::string&, const auto& done) {
      ++given;
      const auto now = std::chrono::system_clock::now();
      const auto end =
          std::chrono::duration_cast<std::chrono::seconds>((now + life).time_since_epoch()).count();
      const std::string payload =
          R"({"aud":"https://servicebus.azure.net","oid":"me","exp":)" + std::to_string(end + 1) + "}";
      done(link_options::token{"jwt", mw::devstack::sign_jwt(payload, "shared"), now + told_life});
    };
    o.token_refused = [this] { ++refused; };
    return o;
  }
};

}  // namespace

TEST_CASE("receiver link: tokens that live two seconds are renewed on the live link") {
  dev_bus bus{with_jwt()};
  source s{std::chrono::seconds{2}};
  client c{s.options(bus)};
  c.become_ready(10);
  eventually([&] { return s.given >= 8; });  // two at a time
  bus.publish(1);
  c.wait([&] { return !c.deliveries().empty(); });
  CHECK(c.closed().empty());
  CHECK(s.refused == 0);
}

TEST_CASE("receiver link: a renewal that the bus refuses is told, and the link lives on") {
  dev_bus bus{with_jwt()};
  source s{std::chrono::seconds{3}};
  client c{s.options(bus)};
  c.become_ready();
  bus.admin("POST", "/faults/cbs", R"({"count":1,"status":401})");
  eventually([&] { return s.refused == 1; });
  eventually([&] { return s.given >= 5; });
  CHECK(c.closed().empty());
}

TEST_CASE("receiver link: a token that ends before its time costs the link, and a new one brings it back") {
  dev_bus bus{with_jwt()};
  source s{std::chrono::seconds{1}, std::chrono::hours{1}};
  client c{s.options(bus)};
  c.become_ready();
  c.wait([&] { return !c.away().empty(); });
  CHECK(c.away().at(0).first.code == errc::unauthorized);
  CHECK(c.away().at(0).first.detail.find("ExpiredToken") != std::string::npos);
  c.wait([&] { return c.back() >= 1; });
  CHECK(s.refused >= 1);
  CHECK(c.closed().empty());
}
