#include "protocol/amqp/conditions.hpp"

#include <doctest/doctest.h>

using mw::errc;
using mw::amqp::error_words;
using mw::amqp::map_condition;
using mw::amqp::map_status;
using mw::amqp::pause_before_attach;
using mw::amqp::reaction;
using mw::amqp::reaction_to;
using mw::amqp::reattach_policy;
using namespace std::chrono_literals;

TEST_CASE("conditions: every condition of the service has one meaning") {
  struct row {
    const char* condition;
    errc code;
    reaction what;
  };
  static constexpr row rows[] = {
      {"amqp:link:detach-forced", errc::connection_lost, reaction::reattach},
      {"amqp:link:stolen", errc::connection_lost, reaction::reattach},
      {"com.microsoft:partition-not-owned", errc::connection_lost, reaction::reattach},
      {"com.microsoft:store-lock-lost", errc::connection_lost, reaction::reattach},
      {"amqp:connection:forced", errc::connection_lost, reaction::reconnect},
      {"amqp:connection:framing-error", errc::connection_lost, reaction::reconnect},
      {"amqp:internal-error", errc::overloaded, reaction::retry},
      {"com.microsoft:operation-cancelled", errc::overloaded, reaction::retry},
      {"com.microsoft:timeout", errc::timed_out, reaction::retry},
      {"com.microsoft:server-busy", errc::throttled, reaction::wait},
      {"com.microsoft:container-close", errc::throttled, reaction::wait},
      {"amqp:unauthorized-access", errc::unauthorized, reaction::stop},
      {"com.microsoft:auth-failed", errc::unauthorized, reaction::stop},
      {"amqp:not-found", errc::not_found, reaction::stop},
      {"com.microsoft:entity-disabled", errc::not_found, reaction::stop},
      {"amqp:not-allowed", errc::misconfigured, reaction::stop},
      {"amqp:not-implemented", errc::misconfigured, reaction::stop},
      {"amqp:resource-limit-exceeded", errc::throttled, reaction::stop},
      {"com.microsoft:message-lock-lost", errc::lock_lost, reaction::give_up},
      {"com.microsoft:session-lock-lost", errc::lock_lost, reaction::give_up},
      {"com.microsoft:message-not-found", errc::lock_lost, reaction::give_up},
      {"com.microsoft:session-cannot-be-locked", errc::conflict, reaction::give_up},
      {"amqp:link:message-size-exceeded", errc::too_large, reaction::give_up},
      {"amqp:decode-error", errc::rejected, reaction::give_up},
      {"com.microsoft:argument-error", errc::rejected, reaction::give_up},
      {"com.microsoft:argument-out-of-range", errc::rejected, reaction::give_up},
  };
  for (const auto& r : rows) {
    CAPTURE(r.condition);
    const auto f = map_condition("link", {r.condition, "why"}, errc::internal);
    CHECK(f.code == r.code);
    CHECK(f.from == mw::dependency::bus);
    CHECK(reaction_to({r.condition, ""}) == r.what);
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

TEST_CASE("conditions: a link that ended without a word, or with an unknown one, is attached again") {
  CHECK(reaction_to(error_words{}) == reaction::reattach);
  CHECK(reaction_to(error_words{"com.example:new", ""}) == reaction::reattach);
}

TEST_CASE("conditions: a failure's code says what helps where the words are gone") {
  CHECK(reaction_to(errc::unreachable) == reaction::retry);
  CHECK(reaction_to(errc::throttled) == reaction::wait);
  CHECK(reaction_to(errc::unauthorized) == reaction::stop);
  CHECK(reaction_to(errc::misconfigured) == reaction::stop);
}

TEST_CASE("conditions: the pause before an attach grows as the condition asks") {
  const reattach_policy p;
  for (const double jitter : {0.0, 0.5, 0.999}) {
    for (unsigned attempt = 0; attempt < 5; ++attempt) {
      const auto quick = pause_before_attach(reaction::reattach, attempt, jitter, p);
      REQUIRE(quick);
      CHECK(*quick >= 50ms);
      CHECK(*quick <= 5s);
      CHECK(pause_before_attach(reaction::retry, attempt, jitter, p) == quick);
    }
    for (unsigned attempt = 0; attempt < 100; ++attempt) {
      const auto busy = pause_before_attach(reaction::wait, attempt, jitter, p);
      CHECK(*busy >= 4s);
      CHECK(*busy <= 48s);
      const auto slow = pause_before_attach(reaction::stop, attempt, jitter, p);
      CHECK(*slow >= 30s);
      CHECK(*slow <= 60s);
    }
    CHECK(*pause_before_attach(reaction::wait, 9, jitter, p) >= 32s);
    CHECK_FALSE(pause_before_attach(reaction::reattach, 5, jitter, p));
    CHECK_FALSE(pause_before_attach(reaction::reconnect, 0, jitter, p));
  }
}
