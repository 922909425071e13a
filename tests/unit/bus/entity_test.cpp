#include "cmd/memory-devstack/bus/entity.hpp"

#include <doctest/doctest.h>

#include <array>

#include "tests/unit/bus/make_content.hpp"

using namespace mw::devstack;
using namespace mw::devstack::test;

namespace {

constexpr wall_ms start = 1'000'000;

struct one_subscription {
  entity_settings settings{1000, 3};
  entity dead{"t/Subscriptions/s/$DeadLetterQueue", settings, nullptr, "t/Subscriptions/s"};
  entity live{"t/Subscriptions/s", settings, &dead, ""};
  wall_ms now = start;
  uint8_t next_token = 1;

  /// Locks the next message; its token is last_token().
  const entity::numbered* take() { return live.take_locked(now, token(next_token++)); }
  mw::amqp::uuid last_token() const { return token(static_cast<uint8_t>(next_token - 1)); }
};

}  // namespace

TEST_CASE("entity: messages come in order, and a locked one is not handed out twice") {
  one_subscription s;
  s.live.enqueue(make_content("a"), s.now);
  s.live.enqueue(make_content("b"), s.now);
  CHECK(message_id_of(*s.take()->second.what) == "a");
  CHECK(message_id_of(*s.take()->second.what) == "b");
  CHECK(s.take() == nullptr);
  CHECK(s.live.locked_count() == 2);
}

TEST_CASE("entity: a completed message is gone, and completing it again is refused") {
  one_subscription s;
  s.live.enqueue(make_content("a"), s.now);
  REQUIRE(s.take() != nullptr);
  CHECK(s.live.complete(s.last_token(), s.now));
  CHECK_FALSE(s.live.complete(s.last_token(), s.now));
  CHECK(s.live.messages().empty());
  CHECK(s.live.totals().completed == 1);
  CHECK(s.live.totals().lock_lost == 1);
}

TEST_CASE("entity: an abandoned message returns to its old place with a higher count and new properties") {
  one_subscription s;
  s.live.enqueue(make_content("a"), s.now);
  s.live.enqueue(make_content("b"), s.now);
  REQUIRE(s.take() != nullptr);
  const std::array changes{text_property("why", "again")};
  CHECK(s.live.abandon(s.last_token(), s.now, changes));
  const auto* again = s.take();
  REQUIRE(again != nullptr);
  CHECK(message_id_of(*again->second.what) == "a");
  CHECK(again->second.delivery_count == 1);
  CHECK(text_property_of(again->second, "why") == "again");
}

TEST_CASE("entity: a released message returns without counting") {
  one_subscription s;
  s.live.enqueue(make_content("a"), s.now);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(s.take() != nullptr);
    CHECK(s.live.release(s.last_token(), s.now));
  }
  REQUIRE(s.take() != nullptr);
  CHECK(s.live.messages().begin()->second.delivery_count == 0);
}

TEST_CASE("entity: a lock ends at its time, not before, and the late settlement changes nothing") {
  one_subscription s;
  s.live.enqueue(make_content("a"), s.now);
  REQUIRE(s.take() != nullptr);
  const auto token = s.last_token();
  CHECK(s.live.next_deadline() == start + 1000);
  s.live.advance(start + 999);
  CHECK(s.live.lock_held(token, start + 999));
  CHECK(s.live.ready_count() == 0);
  s.live.advance(start + 1000);
  CHECK(s.live.ready_count() == 1);
  CHECK_FALSE(s.live.complete(token, start + 1000));
  CHECK(s.live.messages().begin()->second.delivery_count == 1);
  CHECK(s.live.totals().lock_expired == 1);
}

TEST_CASE("entity: a lock whose time is over is lost even before it was swept") {
  one_subscription s;
  s.live.enqueue(make_content("a"), s.now);
  REQUIRE(s.take() != nullptr);
  CHECK_FALSE(s.live.complete(s.last_token(), start + 1000));
  CHECK_FALSE(s.live.renew(s.last_token(), start + 1000));
  CHECK(s.live.messages().size() == 1);
}

TEST_CASE("entity: renewing moves the end of the lock, as often as one likes") {
  one_subscription s;
  s.live.enqueue(make_content("a"), s.now);
  REQUIRE(s.take() != nullptr);
  for (int i = 1; i <= 10; ++i) {
    s.now = start + i * 900;
    CHECK(s.live.renew(s.last_token(), s.now) == s.now + 1000);
    s.live.advance(s.now);
  }
  CHECK(s.live.locked_count() == 1);
  CHECK(s.live.next_deadline() == s.now + 1000);
  CHECK(s.live.complete(s.last_token(), s.now));
  CHECK_FALSE(s.live.next_deadline());
}

TEST_CASE("entity: after the last allowed failure the message is a dead letter with the service's reason") {
  one_subscription s;
  s.live.enqueue(make_content("poison"), s.now);
  REQUIRE(s.take() != nullptr);
  s.live.abandon(s.last_token(), s.now);
  REQUIRE(s.take() != nullptr);
  s.live.advance(s.now + 1000);  // an expired lock counts like an abandon
  REQUIRE(s.take() != nullptr);
  s.live.abandon(s.last_token(), s.now);
  CHECK(s.live.messages().empty());
  REQUIRE(s.dead.messages().size() == 1);
  const auto& [sequence, m] = *s.dead.messages().begin();
  CHECK(message_id_of(*m.what) == "poison");
  CHECK(m.delivery_count == 3);
  CHECK(text_property_of(m, "DeadLetterReason") == "MaxDeliveryCountExceeded");
  CHECK(text_property_of(m, "DeadLetterErrorDescription") ==
        "Message could not be consumed after 3 delivery attempts.");
  CHECK(s.dead.stamp_of({sequence, m}).dead_letter_source == "t/Subscriptions/s");
}

TEST_CASE("entity: a dead letter stays in its queue whatever is done to it, until it is completed") {
  one_subscription s;
  s.live.enqueue(make_content("a"), s.now);
  REQUIRE(s.take() != nullptr);
  const std::array reason{text_property("DeadLetterReason", "bad")};
  CHECK(s.live.dead_letter(s.last_token(), s.now, reason));
  for (uint8_t i = 0; i < 20; ++i) {
    REQUIRE(s.dead.take_locked(s.now, token(100 + i)) != nullptr);
    if (i % 2 == 0) s.dead.abandon(token(100 + i), s.now);
    if (i % 2 == 1) s.dead.dead_letter(token(100 + i), s.now, {});
  }
  REQUIRE(s.dead.messages().size() == 1);
  CHECK(text_property_of(s.dead.messages().begin()->second, "DeadLetterReason") == "bad");
  REQUIRE(s.dead.take_locked(s.now, token(200)) != nullptr);
  CHECK(s.dead.complete(token(200), s.now));
  CHECK(s.dead.messages().empty());
}

TEST_CASE("entity: a deferred message is only reached by its number, also after an abandon or a lost lock") {
  one_subscription s;
  const int64_t sequence = s.live.enqueue(make_content("a"), s.now);
  REQUIRE(s.take() != nullptr);
  CHECK(s.live.defer(s.last_token(), s.now));
  CHECK(s.take() == nullptr);
  CHECK(s.live.deferred_count() == 1);
  REQUIRE(s.live.take_deferred(sequence, s.now, token(50)) != nullptr);
  CHECK(s.live.take_deferred(sequence, s.now, token(51)) == nullptr);  // it is locked
  CHECK(s.live.abandon(token(50), s.now));
  CHECK(s.take() == nullptr);
  REQUIRE(s.live.take_deferred(sequence, s.now, token(52)) != nullptr);
  s.live.advance(s.now + 1000);
  CHECK(s.take() == nullptr);
  REQUIRE(s.live.take_deferred(sequence, s.now, token(53)) != nullptr);
  CHECK(s.live.complete(token(53), s.now));
  CHECK(s.live.deferred_count() == 0);
  CHECK(s.live.messages().empty());
}

TEST_CASE("entity: receive and delete takes the message at once") {
  one_subscription s;
  s.live.enqueue(make_content("a"), s.now);
  const auto taken = s.live.take_and_delete(s.now);
  REQUIRE(taken);
  CHECK(message_id_of(*taken->second.what) == "a");
  CHECK(s.live.messages().empty());
  CHECK_FALSE(s.live.take_and_delete(s.now));
}

TEST_CASE("entity: a message older than its time to live is not delivered") {
  one_subscription s;
  std::string bytes;
  mw::amqp::encoder e{bytes};
  e.begin_section(mw::amqp::section_code::header).begin_list().boolean(false).null().uint32(500).end();
  bytes += encoded_message("short-lived", "x");
  s.live.enqueue(*parse_content(bytes, [] { return std::string{}; }), s.now);
  s.live.enqueue(make_content("stays"), s.now);
  s.now += 500;
  CHECK(message_id_of(*s.take()->second.what) == "stays");
  CHECK(s.live.totals().ttl_expired == 1);
}

TEST_CASE("entity: a hundred thousand locks expire in order of time without one left behind") {
  one_subscription s;
  s.settings.max_delivery_count = 1000;
  constexpr int count = 100'000;
  const auto what = make_content("same");
  for (int i = 0; i < count; ++i) s.live.enqueue(what, s.now);
  for (int i = 0; i < count; ++i) {
    mw::amqp::uuid t{};
    std::memcpy(t.data(), &i, sizeof i);
    REQUIRE(s.live.take_locked(start + i % 7, t) != nullptr);
  }
  s.live.advance(start + 1003);
  CHECK(s.live.next_deadline() == start + 1004);
  s.live.advance(start + 1006);
  CHECK(s.live.locked_count() == 0);
  CHECK(s.live.ready_count() == count);
}

TEST_CASE("entity: locks can be made to end before their time, the first ones first, and that counts") {
  one_subscription s;
  for (const char* id : {"a", "b", "c"}) s.live.enqueue(make_content(id), s.now);
  for (int i = 0; i < 3; ++i) REQUIRE(s.take() != nullptr);
  CHECK(s.live.lose_locks(2) == 2);
  CHECK(s.live.locked_count() == 1);
  CHECK(s.live.lock_held(s.last_token(), s.now));
  const auto* again = s.take();
  REQUIRE(again != nullptr);
  CHECK(message_id_of(*again->second.what) == "a");
  CHECK(again->second.delivery_count == 1);
  CHECK(s.live.lose_locks(10) == 2);
}

TEST_CASE("entity: giving back costs nothing, or a delivery count where that is set") {
  one_subscription s;
  s.live.enqueue(make_content("a"), s.now);
  REQUIRE(s.take() != nullptr);
  CHECK(s.live.release(s.last_token(), s.now));
  CHECK(s.take()->second.delivery_count == 0);
  s.settings.released_counts = true;
  CHECK(s.live.release(s.last_token(), s.now));
  CHECK(s.take()->second.delivery_count == 1);
  CHECK(s.live.totals().released == 2);
}
