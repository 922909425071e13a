#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus_fixture.hpp"

using namespace std::chrono_literals;
using namespace mw::amqp;
using namespace mw::amqp::test;
using mw::errc;

namespace {

std::vector<held_lock> locks_of(const std::vector<incoming>& deliveries) {
  std::vector<held_lock> locks;
  locks.reserve(deliveries.size());
  for (const auto& d : deliveries) locks.push_back({d.sequence_number, d.token});
  return locks;
}

/// A bound port on which nobody listens, or somebody who never answers.
struct silent_port {
  explicit silent_port(bool listening) {
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&a), size) == 0);
    if (listening) REQUIRE(listen(fd, 4) == 0);
    REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0);
    port = ntohs(a.sin_port);
  }
  ~silent_port() { close(fd); }
  silent_port(const silent_port&) = delete;
  silent_port& operator=(const silent_port&) = delete;
  int fd = -1;
  uint16_t port = 0;
};

}  // namespace

TEST_CASE("receiver link: a refused token ends it as unauthorized") {
  dev_bus bus;
  bus.admin("POST", "/faults/cbs", R"({"count":1,"status":401})");
  client c{options_for(bus)};
  CHECK(c.start_and_fail().code == errc::unauthorized);
}

TEST_CASE("receiver link: a clock an hour late makes tokens that have expired; the reason shows the clock") {
  dev_bus bus;
  auto options = options_for(bus);
  options.token_for = [](const std::string& audience, const auto& done) {
    const auto expires = std::chrono::system_clock::now() - 10min;
    done(link_options::token{"servicebus.windows.net:sastoken",
                             mw::azure::make_sas_token(audience, "listen", key, expires), expires});
  };
  client c{options};
  const auto f = c.start_and_fail();
  CHECK(f.code == errc::unauthorized);
  CHECK(f.detail.find("ExpiredToken") != std::string::npos);
  CHECK(f.detail.find("this machine's clock says 20") != std::string::npos);
}

TEST_CASE("receiver link: a wrong key ends it as unauthorized, and the reason does not show the token") {
  mw::devstack::bus_options o;
  o.tokens.sas_key = "another-key";
  dev_bus bus{o};
  client c{options_for(bus)};
  const auto f = c.start_and_fail();
  CHECK(f.code == errc::unauthorized);
  CHECK(f.detail.find("sig=") == std::string::npos);
}

TEST_CASE("receiver link: a right key is accepted for the entity and its management node") {
  mw::devstack::bus_options o;
  o.tokens.sas_key = key;
  dev_bus bus{o};
  client c{options_for(bus)};
  c.become_ready();
}

TEST_CASE("receiver link: a token source that fails ends it with that failure") {
  dev_bus bus;
  auto options = options_for(bus);
  options.token_for = [](const std::string&, const auto& done) {
    done(mw::fail(mw::dependency::bus, errc::unreachable, "no token today"));
  };
  client c{options};
  CHECK(c.start_and_fail().detail == "no token today");
}

TEST_CASE("receiver link: an unknown subscription ends it as not found and names it") {
  dev_bus bus;
  auto options = options_for(bus);
  options.entity = "events/Subscriptions/nobody";
  client c{options};
  const auto f = c.start_and_fail();
  CHECK(f.code == errc::not_found);
  CHECK(f.detail.find("events/Subscriptions/nobody") != std::string::npos);
}

TEST_CASE("receiver link: nobody listening is unreachable, with address and reason") {
  dev_bus bus;
  const silent_port port{false};
  auto options = options_for(bus);
  options.port = port.port;
  client c{options};
  const auto f = c.start_and_fail();
  CHECK(f.code == errc::unreachable);
  CHECK(f.detail.find("Connection refused") != std::string::npos);
  CHECK(f.detail.find(std::to_string(port.port)) != std::string::npos);
}

TEST_CASE("receiver link: a name that does not resolve is named") {
  dev_bus bus;
  auto options = options_for(bus);
  options.host = "no-such-host.invalid";
  client c{options};
  const auto f = c.start_and_fail();
  // Without any name server nobody can say that it does not exist.
  CHECK((f.code == errc::misconfigured || f.code == errc::unreachable));
  CHECK(f.detail.find("no-such-host.invalid") != std::string::npos);
}

TEST_CASE("receiver link: a peer that never answers is given up after the operation time-out") {
  dev_bus bus;
  const silent_port port{true};
  auto options = options_for(bus);
  options.port = port.port;
  options.operation_timeout = 100ms;
  client c{options};
  CHECK(c.start_and_fail().code == errc::timed_out);
}

TEST_CASE("receiver link: a token source that never answers is given up after the operation time-out") {
  dev_bus bus;
  auto options = options_for(bus);
  options.operation_timeout = 100ms;
  options.token_for = [](const std::string&, const auto&) {};
  client c{options};
  CHECK(c.start_and_fail().code == errc::timed_out);
}

TEST_CASE("receiver link: a dropped connection is reported once, and what was under way is answered first") {
  dev_bus bus;
  bus.publish(5);
  client c{options_for(bus)};
  c.become_ready(5);
  c.wait([&] { return c.deliveries().size() == 5; });
  bus.run([&] {
    // The bus's thread is busy here: the settlement cannot be answered before the connection drops.
    const uint64_t written = c->counters().bytes_out;
    c->settle(c.deliveries()[0].sequence_number, {});
    eventually([&] { return c->counters().bytes_out > written; });
  });
  bus.admin("POST", "/faults/drop");
  c.wait([&] { return !c.closed().empty(); });
  CHECK(c.closed()[0].code == errc::connection_lost);
  REQUIRE(c.settled().size() == 1);
  c->settle(c.deliveries()[1].sequence_number, {});
  c->add_credit(5);
  c->drain();
  c.destroy();
  CHECK(c.closed().size() == 1);
  CHECK(c.settled().size() == 1);
}

TEST_CASE("receiver link: what an earlier connection received is renewed and settled by token") {
  mw::devstack::bus_options o;
  o.settings.lock_ms = 600;
  dev_bus bus{o};
  bus.publish(4);
  auto options = options_for(bus);
  options.lock_duration = 600ms;
  client first{options};
  first.become_ready(4);
  first.wait([&] { return first.deliveries().size() == 4; });
  bus.admin("POST", "/faults/drop");
  first.wait([&] { return !first.closed().empty(); });

  client second{options};
  second->adopt(locks_of(first.deliveries()));
  const auto n = [&](size_t i) { return first.deliveries()[i].sequence_number; };
  second->settle(n(0), {});  // before the link is ready: done as soon as it is
  second.become_ready();
  second.wait([&] { return second.settled().size() == 1; });
  CHECK(second.settled()[0].second);
  eventually([&] { return second->counters().renewed >= 9; });
  CHECK(second.settle(n(1), {outcome_kind::dead_letter, "why", "because"}));
  CHECK(second.settle(n(2), {outcome_kind::abandon, "", ""}));
  second->settle(n(3), {outcome_kind::release, "", ""});
  second.wait([&] { return second.not_released() == std::vector<int64_t>{n(3)}; });
  const auto t = bus.totals();
  CHECK(t.completed == 1);
  CHECK(t.dead_lettered == 1);
  CHECK(t.abandoned == 1);
  CHECK(bus.admin("GET", "/dead-letters").find("\"because\"") != std::string::npos);
  const auto unknown = second.settle(n(0));
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == errc::lock_lost);
}

TEST_CASE("receiver link: an adopted lock that was lost meanwhile is reported") {
  dev_bus bus;
  client c{options_for(bus)};
  c->adopt({held_lock{77, lock_token{1, 2, 3}, mw::io::clock::now()}});
  c.become_ready();
  c.wait([&] { return !c.lost().empty(); });
  CHECK(c.lost() == std::vector<int64_t>{77});
}

TEST_CASE("receiver link: given up means no renewal: the message goes to somebody else") {
  mw::devstack::bus_options o;
  o.settings.lock_ms = 300;
  dev_bus bus{o};
  bus.publish(1);
  auto options = options_for(bus);
  options.lock_duration = 300ms;
  client c{options};
  c.become_ready();
  const auto d = c.receive_one();
  c->give_up(d.sequence_number);
  const auto again = c.receive_one();
  CHECK(again.sequence_number == d.sequence_number);
  CHECK(again.delivery_count == 1);
  CHECK(c.lost().empty());
}

TEST_CASE("receiver link: a settlement the broker does not answer is reported after the operation time-out") {
  dev_bus bus;
  bus.publish(1);
  auto options = options_for(bus);
  options.operation_timeout = 300ms;
  client c{options};
  c.become_ready();
  const auto d = c.receive_one();
  bus.run([&] {
    c->settle(d.sequence_number, {});
    c.wait([&] { return c.settled().size() == 1; });
  });
  REQUIRE_FALSE(c.settled()[0].second);
  CHECK(c.settled()[0].second.error().code == errc::timed_out);
}

TEST_CASE("receiver link: a broker too busy to renew locks is asked again, and no lock is lost by that") {
  mw::devstack::bus_options o;
  o.settings.lock_ms = 3000;
  dev_bus bus{o};
  bus.publish(1);
  auto options = options_for(bus);
  options.lock_duration = 3s;
  client c{options};
  c.become_ready();
  const auto d = c.receive_one();
  bus.admin("POST", "/faults/management",
            R"({"count":1,"status":503,"condition":"com.microsoft:server-busy"})");
  eventually([&] { return c->counters().renewed == 1; });
  CHECK(c->counters().renew_requests == 2);
  CHECK(c.lost().empty());
  CHECK(c.settle(d.sequence_number));
}

TEST_CASE("dev bus: what is not settled is listed, with its count and the end of its lock") {
  dev_bus bus;
  client c{options_for(bus)};
  c.become_ready(1);
  bus.publish(2);
  c.wait([&] { return c.deliveries().size() == 1; });
  const std::string listed = bus.admin("GET", "/messages");
  CHECK(listed.find(R"("messageId":"m1","deliveryCount":0,"lockedUntil":0})") != std::string::npos);
  CHECK(listed.find(R"("messageId":"m0","deliveryCount":0,"lockedUntil":0})") == std::string::npos);
  CHECK(c.settle(c.deliveries()[0].sequence_number, {outcome_kind::abandon, "", ""}));
  CHECK(bus.admin("GET", "/messages").find(R"("messageId":"m0","deliveryCount":1,"lockedUntil":0})") !=
        std::string::npos);
}
