#include "bus_fixture.hpp"

using namespace std::chrono_literals;
using namespace mw::amqp;
using namespace mw::amqp::test;
using mw::errc;

TEST_CASE("receiver link: every kind of settlement has its effect at the broker, and is confirmed") {
  dev_bus bus;
  client c{options_for(bus)};
  c.become_ready(4);
  bus.publish(4, "{\"x\":1}");
  c.wait([&] { return c.deliveries().size() == 4; });
  CHECK(c.deliveries()[0].body == "{\"x\":1}");
  CHECK(c.deliveries()[0].message_id == "m0");
  CHECK(c.deliveries()[0].delivery_count == 0);
  CHECK(c.deliveries()[0].enqueued_ms > 0);
  std::vector<int64_t> n;
  for (const auto& d : c.deliveries()) n.push_back(d.sequence_number);
  CHECK(c.settle(n[0]));
  CHECK(c.settle(n[1], {outcome_kind::abandon, "", ""}));
  CHECK(c.settle(n[2], {outcome_kind::release, "", ""}));
  CHECK(c.settle(n[3], {outcome_kind::dead_letter, "invalid-event", "sessionId is missing"}));
  const auto t = bus.totals();
  CHECK(t.completed == 1);
  CHECK(t.abandoned == 1);
  CHECK(t.released == 1);
  CHECK(t.dead_lettered == 1);
  const std::string dead = bus.admin("GET", "/dead-letters");
  CHECK(dead.find("\"reason\":\"invalid-event\"") != std::string::npos);
  CHECK(dead.find("\"description\":\"sessionId is missing\"") != std::string::npos);
  // The abandoned and the released one come again, only the abandoned one counts a failed delivery.
  c->add_credit(2);
  c.wait([&] { return c.deliveries().size() == 6; });
  CHECK(c.deliveries()[4].sequence_number == n[1]);
  CHECK(c.deliveries()[4].delivery_count == 1);
  CHECK(c.deliveries()[5].sequence_number == n[2]);
  CHECK(c.deliveries()[5].delivery_count == 0);
  CHECK(c->counters().settled == 4);
}

TEST_CASE("receiver link: no more arrives than credit was granted for, and all of a backlog in the end") {
  dev_bus bus;
  constexpr size_t total = 2000;
  bus.publish(total);
  client c{options_for(bus)};
  c->add_credit(50);  // before ready: counts from then on
  c.become_ready();
  c.wait([&] { return c.deliveries().size() == 50; });
  CHECK(bus.totals().delivered == 50);
  size_t done = 0;
  while (done < total) {
    c.wait([&] { return c.deliveries().size() > done; });
    const auto so_far = c.deliveries();
    for (; done < so_far.size(); ++done) {
      c->settle(so_far[done].sequence_number, {});
      c->add_credit(1);
    }
  }
  c.wait([&] { return c.settled().size() == total; });
  const auto settled = c.settled();
  CHECK(std::all_of(settled.begin(), settled.end(), [](const auto& s) { return bool{s.second}; }));
  CHECK(bus.totals().completed == total);
  CHECK(bus.totals().delivered == total);
}

TEST_CASE("receiver link: a message larger than a frame arrives whole") {
  dev_bus bus;
  std::string body(700'000, 'a');
  body.back() = 'z';
  bus.publish(1, body);
  client c{options_for(bus)};
  c.become_ready();
  const auto d = c.receive_one();
  CHECK(d.body == body);
  CHECK(c.settle(d.sequence_number));
  CHECK(bus.totals().completed == 1);
}

TEST_CASE("receiver link: settling twice, or what is not held, is refused in words") {
  dev_bus bus;
  bus.publish(1);
  client c{options_for(bus)};
  c.become_ready();
  const int64_t n = c.receive_one().sequence_number;
  // Both reach the loop in one go: the second finds the first under way.
  bus.run([&] {
    c->settle(n, {});
    c->settle(n, {outcome_kind::abandon, "", ""});
    c.wait([&] { return c.settled().size() == 1; });
  });
  REQUIRE_FALSE(c.settled()[0].second);
  CHECK(c.settled()[0].second.error().code == errc::conflict);
  c.wait([&] { return c.settled().size() == 2; });
  CHECK(c.settled()[1].second);
  const auto again = c.settle(n);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == errc::lock_lost);
  CHECK(again.error().detail.find("not held") != std::string::npos);
  CHECK(bus.totals().completed == 1);
  CHECK(bus.totals().abandoned == 0);
}

TEST_CASE("receiver link: locks are renewed for as long as the message is held") {
  mw::devstack::bus_options o;
  o.settings.lock_ms = 1500;
  dev_bus bus{o};
  bus.publish(20);
  auto options = options_for(bus);
  options.lock_duration = 1500ms;
  client c{options};
  c.become_ready(20);
  c.wait([&] { return c.deliveries().size() == 20; });
  eventually([&] { return c->counters().renewed >= 120; });  // three lock times and more
  for (const auto& d : c.deliveries()) c->settle(d.sequence_number, {});
  c.wait([&] { return c.settled().size() == 20; });
  CHECK(bus.totals().completed == 20);
  CHECK(bus.totals().lock_expired == 0);
  CHECK(c.lost().empty());
  CHECK(c->counters().renew_requests < c->counters().renewed);
}

TEST_CASE("receiver link: a lock that the broker has dropped is reported, the others go on") {
  mw::devstack::bus_options o;
  o.settings.lock_ms = 1000;
  dev_bus bus{o};
  bus.publish(3);
  auto options = options_for(bus);
  options.lock_duration = 1s;
  client c{options};
  c.become_ready(3);
  c.wait([&] { return c.deliveries().size() == 3; });
  const auto gone = c.deliveries()[1];
  bus.step([&](mw::devstack::broker& b) { b.entities().find(entity).from->complete(gone.token, b.now()); });
  c.wait([&] { return !c.lost().empty(); });
  CHECK(c.lost() == std::vector<int64_t>{gone.sequence_number});
  CHECK_FALSE(c.settle(gone.sequence_number));
  CHECK(c.settle(c.deliveries()[0].sequence_number));
  CHECK(c.settle(c.deliveries()[2].sequence_number));
  CHECK(c->counters().locks_lost == 1);
}

TEST_CASE("receiver link: a settlement after the lock was lost says so") {
  dev_bus bus;
  bus.publish(1);
  client c{options_for(bus)};
  c.become_ready();
  const auto d = c.receive_one();
  bus.step([&](mw::devstack::broker& b) { b.entities().find(entity).from->abandon(d.token, b.now()); });
  const auto s = c.settle(d.sequence_number);
  REQUIRE_FALSE(s);
  CHECK(s.error().code == errc::lock_lost);
}

TEST_CASE("receiver link: a settlement the broker refuses for another reason can be tried again, by token") {
  dev_bus bus;
  bus.publish(1);
  client c{options_for(bus)};
  c.become_ready();
  const auto d = c.receive_one();
  bus.admin("POST", "/faults/dispositions", R"({"count":1,"condition":"amqp:internal-error"})");
  const auto refused = c.settle(d.sequence_number);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::overloaded);
  CHECK(c.settle(d.sequence_number));
  CHECK(bus.totals().completed == 1);
}

TEST_CASE("receiver link: a redelivery takes the place of the lost delivery") {
  mw::devstack::bus_options o;
  o.settings.lock_ms = 150;  // the client believes in 60 s and does not renew in time
  dev_bus bus{o};
  bus.publish(1);
  client c{options_for(bus)};
  c.become_ready(2);
  c.wait([&] { return c.deliveries().size() == 2; });
  bus.admin("POST", "/settings", R"({"lockDurationMs":60000})");
  CHECK(c.deliveries()[0].sequence_number == c.deliveries()[1].sequence_number);
  CHECK(c.deliveries()[0].token != c.deliveries()[1].token);
  CHECK(c.deliveries()[1].delivery_count == 1);
  // The second lock, too, was a short one: have it delivered with a long one.
  c->add_credit(1);
  c.wait([&] { return c.deliveries().size() == 3; });
  CHECK(c.settle(c.deliveries()[2].sequence_number));
  CHECK(bus.totals().completed == 1);
}

TEST_CASE("receiver link: drained means nothing comes until credit is granted again") {
  dev_bus bus;
  client c{options_for(bus)};
  c.become_ready(100);
  c->drain();
  c.wait([&] { return c.drained() == 1; });
  bus.publish(3);
  CHECK(bus.totals().delivered == 0);
  c->add_credit(2);
  c.wait([&] { return c.deliveries().size() == 2; });
  CHECK(bus.totals().delivered == 2);
  c->drain();  // no credit is left: answered at once
  c.wait([&] { return c.drained() == 2; });
}

TEST_CASE("receiver link: a token is renewed on the live connection before it ends") {
  dev_bus bus;
  auto options = options_for(bus);
  std::atomic<int> asked{0};
  options.token_for = [&asked](const std::string& audience, const auto& done) {
    ++asked;
    const auto expires = std::chrono::system_clock::now() + 2400ms;
    done(link_options::token{"servicebus.windows.net:sastoken",
                             mw::azure::make_sas_token(audience, "listen", key, expires), expires});
  };
  client c{options};
  c.become_ready();
  eventually([&] { return asked >= 6; });  // twice more for both audiences
  bus.publish(1);
  CHECK(c.settle(c.receive_one().sequence_number));
}

TEST_CASE("receiver link: after it is destroyed nobody is called, whatever was under way") {
  dev_bus bus;
  bus.publish(500);
  client c{options_for(bus)};
  c.become_ready(500);
  c.wait([&] { return c.deliveries().size() > 10; });
  for (int i = 0; i < 10; ++i) c->settle(c.deliveries()[static_cast<size_t>(i)].sequence_number, {});
  c.destroy();
  const size_t had = c.deliveries().size();
  const size_t answered = c.settled().size();
  bus.publish(10);
  eventually([&] {
    bool gone = false;
    bus.step([&](mw::devstack::broker& b) { gone = b.connection_count() == 0; });
    return gone;
  });
  CHECK(c.deliveries().size() == had);
  CHECK(c.settled().size() == answered);
  CHECK(c.closed().empty());
}
