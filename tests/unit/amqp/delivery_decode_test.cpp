#include "protocol/amqp/delivery_decode.hpp"

#include <doctest/doctest.h>

#include "protocol/amqp/codec.hpp"
#include "protocol/amqp/guid.hpp"

using namespace std::chrono_literals;
using namespace mw::amqp;

namespace {

const std::string tag = "0123456789abcdef";

std::string annotations(int64_t sequence) {
  std::string m;
  encoder e{m};
  e.begin_section(section_code::message_annotations).begin_map();
  e.symbol("x-opt-sequence-number").int64(sequence);
  e.symbol("x-opt-enqueued-time").timestamp(1'700'000'000'000);
  e.symbol("x-opt-locked-until").timestamp(1'700'000'060'000);
  e.end();
  return m;
}

std::string data(std::string_view bytes) {
  std::string m;
  encoder{m}.begin_section(section_code::data).binary(bytes);
  return m;
}

}  // namespace

TEST_CASE("decode: everything the worker needs of a Service Bus message is read") {
  std::string m;
  encoder e{m};
  e.begin_section(section_code::header).begin_list();
  e.boolean(true).null().uint32(1000).boolean(false).uint32(3).end();
  m += annotations(4711);
  e.begin_section(section_code::properties).begin_list().string("chat-1_completed");
  for (int i = 1; i < 10; ++i) e.null();
  e.string("session-9").end();
  e.begin_section(section_code::application_properties).begin_map();
  e.string("traceparent").string("00-abc").string("Diagnostic-Id").string("other").end();
  m += data("{\"a\":");
  m += data("1}");
  const auto d = decode_delivery(m, tag);
  REQUIRE(d);
  CHECK(d->message.sequence_number == 4711);
  CHECK(d->message.delivery_count == 3);
  CHECK(d->message.token == *token_of_tag(tag));
  CHECK(d->message.message_id == "chat-1_completed");
  CHECK(d->message.traceparent == "00-abc");
  CHECK(d->message.diagnostic_id == "other");
  CHECK(d->message.enqueued_ms == 1'700'000'000'000);
  CHECK(d->locked_until_ms == 1'700'000'060'000);
  CHECK(d->message.body_readable);
  CHECK(d->message.body == "{\"a\":1}");
}

TEST_CASE("decode: a string body is read like a data body, the older trace property is read too") {
  std::string m = annotations(1);
  encoder e{m};
  e.begin_section(section_code::application_properties).begin_map();
  e.string("Diagnostic-Id").string("00-old").end();
  e.begin_section(section_code::amqp_value).string("{}");
  const auto d = decode_delivery(m, tag);
  REQUIRE(d);
  CHECK(d->message.body == "{}");
  CHECK(d->message.body_readable);
  CHECK(d->message.traceparent.empty());
  CHECK(d->message.diagnostic_id == "00-old");
  CHECK(d->message.delivery_count == 0);
}

TEST_CASE("decode: a body of another kind, or none, is unreadable but settles like any other") {
  std::string map_body = annotations(1);
  encoder{map_body}.begin_section(section_code::amqp_value).begin_map().end();
  std::string sequence_body = annotations(2);
  encoder{sequence_body}.begin_section(section_code::sequence).begin_list().string("x").end();
  for (const auto& m : {map_body, sequence_body, annotations(3)}) {
    const auto d = decode_delivery(m, tag);
    REQUIRE(d);
    CHECK_FALSE(d->message.body_readable);
    CHECK(d->message.body.empty());
    CHECK(d->message.sequence_number > 0);
  }
}

TEST_CASE("decode: message ids of every AMQP type become text") {
  const auto id_of = [](const std::function<void(encoder&)>& put) {
    std::string m = annotations(1);
    encoder e{m};
    e.begin_section(section_code::properties).begin_list();
    put(e);
    e.end();
    m += data("x");
    return decode_delivery(m, tag)->message.message_id;
  };
  CHECK(id_of([](encoder& e) { e.uint32(77); }) == "77");
  CHECK(id_of([](encoder& e) { e.binary("raw"); }) == "raw");
  CHECK(id_of([](encoder& e) { e.uuid_value(uuid{}); }) == "00000000-0000-0000-0000-000000000000");
  CHECK(id_of([](encoder& e) { e.null(); }).empty());
}

TEST_CASE("decode: what is no Service Bus message is malformed, whatever the bytes") {
  CHECK(decode_delivery(data("x"), tag).error().code == mw::errc::malformed);  // no sequence number
  CHECK(decode_delivery(annotations(1) + data("x"), "short").error().code == mw::errc::malformed);
  CHECK(decode_delivery("", tag).error().code == mw::errc::malformed);
  const std::string whole = annotations(1) + data("{}");
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto cut = decode_delivery(std::string_view{whole}.substr(0, n), tag);
    if (cut) CHECK_FALSE(cut->message.body_readable);
  }
}

TEST_CASE("lock clock: the broker's end counts when it is plausible, else the configured duration") {
  const mw::io::clock::time_point since{100s};
  const int64_t wall = 1'700'000'000'000;
  CHECK(lock_end(since, 60s, wall + 50'000, wall) == since + 50s);
  CHECK(lock_end(since, 60s, wall + 90'000, wall) == since + 90s);
  CHECK(lock_end(since, 60s, wall + 30'000, wall) == since + 30s);
  CHECK(lock_end(since, 60s, wall + 29'000, wall) == since + 60s);   // our wall clock is ahead
  CHECK(lock_end(since, 60s, wall + 300'000, wall) == since + 60s);  // or behind
  CHECK(lock_end(since, 60s, 0, wall) == since + 60s);
  CHECK(lock_end(since, 60s, -5, wall) == since + 60s);
  CHECK(lock_end(since, 60s, std::numeric_limits<int64_t>::min(), wall) == since + 60s);
  CHECK(lock_end(since, 60s, std::numeric_limits<int64_t>::max(), wall) == since + 60s);
}
