// Links that end while the connection lives, and tokens that are refreshed on it.
#include "bus_fixture.hpp"

using namespace std::chrono_literals;
using namespace mw::amqp;
using namespace mw::amqp::test;
using mw::errc;

namespace {

constexpr const char* forced = R"({"condition":"amqp:link:detach-forced"})";

std::string condition(const std::string& name) {
  return R"({"condition":")" + name + R"("})";
}

size_t connections(dev_bus& bus) {
  size_t n = 0;
  bus.step([&](mw::devstack::broker& b) { n = b.connection_count(); });
  return n;
}

/// Tokens of `life`, counted; those `refuse` says are empty, which the bus refuses.
struct token_source {
  std::atomic<int> asked{0};
  std::atomic<int> told_refused{0};
  std::atomic<int> fail_from{1'000'000};
  std::atomic<int> fail_until{0};

  void install(link_options& o, std::chrono::milliseconds life) {
    o.token_for = [this, life](const std::string& audience, const auto& done) {
      const int n = ++asked;
      if (n >= fail_from && n < fail_until)
        return done(mw::fail(mw::dependency::bus, errc::unreachable, "no token now"));
      const auto expires = std::chrono::system_clock::now() + life;
      done(link_options::token{"jwt", "token of " + audience, expires});
    };
    o.token_refused = [this](const link_options::token&) { ++told_refused; };
  }
};

}  // namespace

TEST_CASE("receiver link: each condition of an ended link leads to what the table says") {
  struct row {
    const char* name;
    errc code;
    bool same_connection;
  };
  for (const auto& r : {row{"amqp:link:detach-forced", errc::connection_lost, true},
                        row{"amqp:link:stolen", errc::connection_lost, true},
                        row{"com.microsoft:timeout", errc::timed_out, true},
                        row{"amqp:internal-error", errc::overloaded, true},
                        row{"com.microsoft:server-busy", errc::throttled, true},
                        row{"com.microsoft:container-close", errc::throttled, true},
                        row{"amqp:unauthorized-access", errc::unauthorized, true},
                        row{"com.microsoft:entity-disabled", errc::not_found, true},
                        row{"com.example:never-heard-of", errc::connection_lost, true},
                        row{"amqp:connection:forced", errc::connection_lost, false}}) {
    const std::string name = r.name;
    CAPTURE(name);
    dev_bus bus;
    bus.publish(2);
    client c{options_for(bus)};
    c.become_ready();
    const auto first = c.receive_one();
    c->add_credit(10);
    bus.admin("POST", "/faults/detach", condition(name));
    c.wait([&] { return c.back() == 1 || !c.closed().empty(); });
    CHECK(c.closed().empty() == r.same_connection);
    const auto why = r.same_connection ? c.away().at(0).first : c.closed().at(0);
    CHECK(why.code == r.code);
    CHECK(why.detail.find(name) != std::string::npos);
    if (!r.same_connection) continue;
    CHECK(connections(bus) == 1);
    // The credit that was left is there again, and what was held is settled by its token.
    c.wait([&] { return c.deliveries().size() == 2; });
    CHECK(c.settle(first.sequence_number));
    CHECK(c.settle(c.deliveries()[1].sequence_number));
    CHECK(bus.totals().completed == 2);
    CHECK(bus.totals().lock_expired == 0);
    CHECK(c.lost().empty());
  }
}

TEST_CASE("receiver link: held locks are renewed while the link is away and after it is back") {
  mw::devstack::bus_options o;
  o.settings.lock_ms = 2000;
  dev_bus bus{o};
  bus.publish(20);
  auto options = options_for(bus);
  options.lock_duration = 2s;
  options.reattach.slow = 3s;  // longer than the locks
  client c{options};
  c.become_ready(20);
  c.wait([&] { return c.deliveries().size() == 20; });
  bus.admin("POST", "/faults/detach", condition("com.microsoft:entity-disabled"));
  c.wait([&] { return c.back() == 1; });
  CHECK(c.away().at(0).second >= 3s);
  CHECK(bus.totals().lock_expired == 0);
  for (const auto& d : c.deliveries()) c->settle(d.sequence_number, {});
  c.wait([&] { return c.settled().size() == 20; });
  CHECK(bus.totals().completed == 20);
}

TEST_CASE("receiver link: an outcome that crosses a detach is settled by token, on the same connection") {
  dev_bus bus;
  bus.publish(1);
  client c{options_for(bus)};
  c.become_ready();
  const auto d = c.receive_one();
  bus.step([&](mw::devstack::broker& b) {
    const uint64_t written = c->counters().bytes_out;
    c->settle(d.sequence_number, {});
    eventually([&] { return c->counters().bytes_out > written; });
    b.detach_links("receivers", nullptr, "amqp:link:detach-forced", "on request");
  });
  c.wait([&] { return c.settled().size() == 1; });
  CHECK(c.settled()[0].second);
  CHECK(c.closed().empty());
  CHECK(bus.totals().completed == 1);
}

TEST_CASE("receiver link: a busy broker is given time before each attach, more every time") {
  dev_bus bus;
  client c{options_for(bus)};
  c.become_ready(5);
  bus.admin("POST", "/faults/attach", R"({"count":3})");
  bus.admin("POST", "/faults/detach", condition("com.microsoft:server-busy"));
  c.wait([&] { return c.back() == 1; });
  const auto away = c.away();
  REQUIRE(away.size() == 4);
  CHECK(away[0].second >= 100ms);
  CHECK(away[1].second >= 200ms);
  CHECK(away[2].second >= 400ms);
  CHECK(away[3].second >= 800ms);
  CHECK(connections(bus) == 1);
  bus.publish(5);
  c.wait([&] { return c.deliveries().size() == 5; });
}

TEST_CASE("receiver link: one that is closed again and again is given up for a new connection") {
  dev_bus bus;
  client c{options_for(bus)};
  c.become_ready(5);
  bus.admin("POST", "/faults/attach", R"({"count":100,"condition":"amqp:link:detach-forced"})");
  bus.admin("POST", "/faults/detach", forced);
  c.wait([&] { return !c.closed().empty(); });
  CHECK(c.closed()[0].code == errc::connection_lost);
  CHECK(c.away().size() == 5);
}

TEST_CASE("receiver link: management and token links that were idle for long are made anew") {
  dev_bus bus;
  bus.publish(3);
  auto options = options_for(bus);
  token_source tokens;
  tokens.install(options, 2s);
  client c{options};
  c.become_ready();
  const auto d = c.receive_one();
  for (const char* links : {"cbs", "management", "all"}) {
    CAPTURE(links);
    const int asked = tokens.asked;
    bus.admin("POST", "/faults/detach",
              std::string{R"({"condition":"amqp:link:detach-forced","links":")"} + links + R"("})");
    eventually([&] { return tokens.asked >= asked + 2; });
  }
  c.receive_one();
  CHECK(c.settle(d.sequence_number));
  CHECK(c.closed().empty());
  CHECK(connections(bus) == 1);
}

TEST_CASE("receiver link: every drain is answered, also while the link is away") {
  dev_bus bus;
  client c{options_for(bus)};
  c.become_ready(5);
  c->drain();
  c->drain();
  c.wait([&] { return c.drained() == 2; });
  bus.admin("POST", "/faults/detach", condition("com.microsoft:server-busy"));
  c.wait([&] { return c.away().size() == 1; });
  c->drain();
  c.wait([&] { return c.drained() == 3; });
  c->add_credit(1);
  bus.publish(1);
  c.wait([&] { return c.deliveries().size() == 1; });
}

TEST_CASE("tokens that live shortly are refreshed on the live link: it stays, nothing is lost") {
  dev_bus bus;
  bus.publish(40);
  auto options = options_for(bus);
  token_source tokens;
  tokens.install(options, 2s);
  client c{options};
  c.become_ready();
  while (tokens.asked < 8) {
    const auto d = c.receive_one();
    CHECK(c.settle(d.sequence_number));
    const int asked = tokens.asked;
    if (c.deliveries().size() >= 36) break;
    if (c.deliveries().size() % 4 == 0) eventually([&] { return tokens.asked > asked; });
  }
  CHECK(tokens.asked >= 8);
  CHECK(c.closed().empty());
  CHECK(c.away().empty());
  CHECK(bus.totals().lock_expired == 0);
}

TEST_CASE("a refresh that fails is tried again while the token is good, and nobody notices") {
  dev_bus bus;
  auto options = options_for(bus);
  token_source tokens;
  tokens.install(options, 3s);
  client c{options};
  c.become_ready(1);
  tokens.fail_from = 3;
  tokens.fail_until = 6;
  eventually([&] { return tokens.asked >= 8; });
  bus.publish(1);
  c.wait([&] { return c.deliveries().size() == 1; });
  CHECK(c.away().empty());
  CHECK(c.closed().empty());
}

TEST_CASE("a token that ran out costs the link, not the connection: a fresh one brings it back") {
  dev_bus bus;
  bus.publish(1);
  auto options = options_for(bus);
  token_source tokens;
  tokens.install(options, 1200ms);
  tokens.fail_from = 3;
  tokens.fail_until = 1'000'000;
  client c{options};
  c.become_ready();
  const auto d = c.receive_one();
  c->add_credit(1);
  c.wait([&] { return !c.away().empty(); });
  CHECK(c.away()[0].first.code == errc::unauthorized);
  CHECK(c.away()[0].first.detail.find("ExpiredToken") != std::string::npos);
  tokens.fail_until = 0;
  c.wait([&] { return c.back() == 1; });
  CHECK(c.settle(d.sequence_number));
  bus.publish(1);
  c.wait([&] { return c.deliveries().size() == 2; });
  CHECK(connections(bus) == 1);
}

TEST_CASE("a refused token is told to its source, and one more is tried before the link gives up") {
  dev_bus bus;
  auto options = options_for(bus);
  token_source tokens;
  tokens.install(options, 1h);
  bus.admin("POST", "/faults/cbs", R"({"count":2})");
  client c{options};
  c.become_ready();
  CHECK(tokens.told_refused == 2);
  CHECK(tokens.asked == 4);
}

TEST_CASE("one lost lock among many held is found; the others are renewed") {
  mw::devstack::bus_options o;
  o.settings.lock_ms = 1500;
  dev_bus bus{o};
  bus.publish(50);
  auto options = options_for(bus);
  options.lock_duration = 1500ms;
  client c{options};
  c.become_ready(50);
  c.wait([&] { return c.deliveries().size() == 50; });
  const auto first = c.deliveries()[0].sequence_number;
  CHECK(bus.admin("POST", "/faults/lose-locks", R"({"count":1})") == R"({"lost":1})");
  c.wait([&] { return c.lost().size() == 1; });
  CHECK(c.lost()[0] == first);
  eventually([&] { return c->counters().renewed >= 150; });
  CHECK(bus.totals().lock_expired == 1);
  CHECK(c.lost().size() == 1);
}

TEST_CASE("settlements answered late are waited for, in any number") {
  dev_bus bus;
  bus.publish(100);
  bus.admin("POST", "/settings", R"({"settleDelayMs":300})");
  client c{options_for(bus)};
  c.become_ready(100);
  c.wait([&] { return c.deliveries().size() == 100; });
  for (const auto& d : c.deliveries()) c->settle(d.sequence_number, {});
  c.wait([&] { return c.settled().size() == 100; });
  for (const auto& [n, s] : c.settled()) CHECK(s);
}

TEST_CASE("a connection the broker closes ends with its words") {
  dev_bus bus;
  client c{options_for(bus)};
  c.become_ready(1);
  bus.admin("POST", "/faults/close",
            R"({"condition":"amqp:connection:forced","description":"idle for long"})");
  c.wait([&] { return !c.closed().empty(); });
  CHECK(c.closed()[0].code == errc::connection_lost);
  CHECK(c.closed()[0].detail.find("idle for long") != std::string::npos);
}
