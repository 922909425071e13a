#include "protocol/amqp/conditions.hpp"

#include <doctest/doctest.h>

using mw::errc;
using mw::amqp::error_words;
using mw::amqp::map_condition;
using mw::amqp::map_status;

TEST_CASE("conditions: every condition of the service has one meaning") {
  struct row {
    const char* condition;
    errc code;
  };
  static constexpr row rows[] = {
      {"amqp:link:detach-forced", errc::connection_lost},
      {"amqp:connection:forced", errc::connection_lost},
      {"amqp:connection:framing-error", errc::connection_lost},
      {"amqp:link:stolen", errc::connection_lost},
      {"com.microsoft:container-close", errc::connection_lost},
      {"com.microsoft:partition-not-owned", errc::connection_lost},
      {"com.microsoft:store-lock-lost", errc::connection_lost},
      {"amqp:internal-error", errc::overloaded},
      {"com.microsoft:operation-cancelled", errc::overloaded},
      {"com.microsoft:timeout", errc::timed_out},
      {"com.microsoft:server-busy", errc::throttled},
      {"amqp:resource-limit-exceeded", errc::throttled},
      {"amqp:unauthorized-access", errc::unauthorized},
      {"com.microsoft:auth-failed", errc::unauthorized},
      {"amqp:not-found", errc::not_found},
      {"com.microsoft:entity-disabled", errc::not_found},
      {"amqp:not-allowed", errc::misconfigured},
      {"amqp:not-implemented", errc::misconfigured},
      {"com.microsoft:message-lock-lost", errc::lock_lost},
      {"com.microsoft:session-lock-lost", errc::lock_lost},
      {"com.microsoft:message-not-found", errc::lock_lost},
      {"com.microsoft:session-cannot-be-locked", errc::conflict},
      {"amqp:link:message-size-exceeded", errc::too_large},
      {"amqp:decode-error", errc::rejected},
      {"com.microsoft:argument-error", errc::rejected},
      {"com.microsoft:argument-out-of-range", errc::rejected},
  };
  for (const auto& r : rows) {
    CAPTURE(r.condition);
    const auto f = map_condition("link", {r.condition, "why"}, errc::internal);
    CHECK(f.code == r.code);
    CHECK(f.from == mw::dependency::bus);
    CHECK(f.detail == std::string{"link: "} + r.condition + ": why");
  }
}

TEST_CASE("conditions: an unknown or missing condition means what the caller says") {
  CHECK(map_condition("x", {"com.example:new", ""}, errc::connection_lost).code == errc::connection_lost);
  CHECK(map_condition("x", {}, errc::rejected).code == errc::rejected);
  CHECK(map_condition("link closed", {}, errc::rejected).detail == "link closed");
}

TEST_CASE("conditions: a request's status decides where the condition says nothing") {
  CHECK(map_status("token", 401, {}).code == errc::unauthorized);
  CHECK(map_status("token", 403, {}).code == errc::forbidden);
  CHECK(map_status("token", 404, {}).code == errc::not_found);
  CHECK(map_status("renew", 408, {}).code == errc::timed_out);
  CHECK(map_status("renew", 410, {}).code == errc::lock_lost);
  CHECK(map_status("renew", 429, {}).code == errc::throttled);
  CHECK(map_status("renew", 503, {}).code == errc::throttled);
  CHECK(map_status("renew", 500, {}).code == errc::overloaded);
  CHECK(map_status("renew", 501, {}).code == errc::misconfigured);
  CHECK(map_status("renew", 400, {}).code == errc::rejected);
  CHECK(map_status("renew", 404, {"com.microsoft:message-not-found", ""}).code == errc::lock_lost);
  CHECK(map_status("renew", 400, {"", "bad map"}).detail == "renew: status 400: bad map");
}

TEST_CASE("conditions: the detail stays one short line of valid text whatever the broker writes") {
  std::string endless;
  for (int i = 0; i < 1000; ++i) endless += "\xc3\xa4\n";
  const auto f = map_condition("link", {"amqp:internal-error", endless}, errc::internal);
  CHECK(f.detail.size() <= 400);
  CHECK(f.detail.find('\n') == std::string::npos);
  CHECK(static_cast<unsigned char>(f.detail.back()) != 0xc3);
}
