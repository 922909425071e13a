#include "protocol/amqp/frame_tap.hpp"

#include <doctest/doctest.h>

using namespace mw::amqp;

namespace {

std::string frame_of(uint16_t channel, uint8_t performative, const std::string& list,
                     std::string_view payload = {}) {
  const size_t size = 11 + list.size() + payload.size();
  std::string f;
  for (int shift = 24; shift >= 0; shift -= 8) f.push_back(static_cast<char>(size >> shift));
  f.push_back(2);
  f.push_back(0);
  f.push_back(static_cast<char>(channel >> 8));
  f.push_back(static_cast<char>(channel));
  f.push_back(0);
  f.push_back(0x53);
  f.push_back(static_cast<char>(performative));
  f += list;
  f += payload;
  return f;
}

std::string attach(uint16_t channel, std::string_view name, uint32_t handle) {
  std::string list;
  encoder{list}.begin_list().string(name).uint32(handle).boolean(false).end();
  return frame_of(channel, 0x12, list);
}

struct transfer_fields {
  uint32_t handle = 0;
  uint32_t id = 0;
  bool more = false;
  bool first = true;
  bool name_settled = true;  ///< write the settled field (false); else leave it away
};

std::string transfer(uint16_t channel, transfer_fields t, std::string_view payload) {
  std::string list;
  encoder e{list};
  e.begin_list().uint32(t.handle);
  if (t.first)
    e.uint32(t.id).binary("0123456789abcdef").uint32(0);
  else
    e.null().null().null();
  if (t.name_settled || t.more) e.boolean(false);
  if (t.more) e.boolean(true);
  e.end();
  return frame_of(channel, 0x14, list, payload);
}

std::string disposition(uint16_t channel, uint32_t first, uint32_t last, const std::string& state) {
  std::string list;
  encoder e{list};
  e.begin_list().boolean(false).uint32(first).uint32(last).boolean(true).raw(state).end();
  return frame_of(channel, 0x15, list);
}

std::vector<frame> frames_in(std::string_view bytes) {
  std::vector<frame> all;
  while (!bytes.empty()) {
    size_t size = 0;
    for (size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<uint8_t>(bytes[i]);
    REQUIRE(size <= bytes.size());
    auto f = read_frame(bytes.substr(0, size));
    REQUIRE(f);
    all.push_back(std::move(*f));
    bytes.remove_prefix(size);
  }
  return all;
}

const std::string accepted{"\0\x53\x24\x45", 4};

}  // namespace

TEST_CASE("frame tap: the link's transfers look settled to the engine, every other byte stays as it was") {
  frame_tap tap{"mine", 65'536};
  std::string out;
  REQUIRE(tap.feed(std::string{"AMQP\0\1\0\0", 8} + attach(1, "mine", 7) + attach(1, "other", 8), out));
  const size_t untouched = out.size();
  const std::string foreign =
      transfer(1, {.handle = 8, .id = 1}, "body") + transfer(2, {.handle = 7, .id = 1}, "b");
  REQUIRE(tap.feed(foreign, out));
  CHECK(out.substr(untouched) == foreign);
  out.clear();
  REQUIRE(tap.feed(transfer(1, {.handle = 7, .id = 5}, "payload"), out));
  const auto seen = frames_in(out);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].fields.at(4).boolean() == true);
  CHECK(seen[0].fields.at(1).integer() == 5);
  CHECK(seen[0].payload == "payload");
  CHECK(tap.next_delivery_id() == 5);
  CHECK_FALSE(tap.next_delivery_id());
}

TEST_CASE("frame tap: a sender that leaves the settled flag away is understood") {
  frame_tap tap{"mine", 65'536};
  std::string out;
  REQUIRE(tap.feed(attach(0, "mine", 0), out));
  out.clear();
  REQUIRE(tap.feed(transfer(0, {.id = 9, .name_settled = false}, "p"), out));
  const auto seen = frames_in(out);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].fields.at(4).boolean() == true);
  CHECK(seen[0].payload == "p");
  CHECK(out.size() <= transfer(0, {.id = 9, .name_settled = false}, "p").size() + frame_tap::growth);
}

TEST_CASE("frame tap: a delivery in several frames has one id") {
  frame_tap tap{"mine", 65'536};
  std::string out;
  REQUIRE(tap.feed(attach(0, "mine", 0), out));
  REQUIRE(tap.feed(transfer(0, {.id = 1, .more = true}, "a"), out));
  REQUIRE(tap.feed(transfer(0, {.id = 1, .more = true, .first = false}, "b"), out));
  REQUIRE(tap.feed(transfer(0, {.id = 1, .first = false}, "c"), out));
  REQUIRE(tap.feed(transfer(0, {.id = 2}, "d"), out));
  CHECK(tap.next_delivery_id() == 1);
  CHECK(tap.next_delivery_id() == 2);
  CHECK_FALSE(tap.next_delivery_id());
}

TEST_CASE("frame tap: any cutting of the stream gives the same result") {
  const std::string stream = std::string{"AMQP\0\1\0\0", 8} + attach(0, "mine", 0) +
                             transfer(0, {.id = 1}, "one") + disposition(0, 1, 1, accepted) +
                             transfer(0, {.id = 2, .name_settled = false}, "two");
  frame_tap whole{"mine", 65'536};
  std::string expected;
  REQUIRE(whole.feed(stream, expected));
  for (size_t step = 1; step < stream.size(); step += 3) {
    frame_tap tap{"mine", 65'536};
    std::string out;
    for (size_t at = 0; at < stream.size(); at += step)
      REQUIRE(tap.feed(std::string_view{stream}.substr(at, step), out));
    CHECK(out == expected);
    CHECK(tap.take_dispositions().size() == 1);
  }
}

TEST_CASE("frame tap: the broker's outcomes are read, with the reason of a refusal") {
  std::string error{"\0\x53\x1d", 3};
  encoder{error}.begin_list().symbol("com.microsoft:message-lock-lost").string("too late").end();
  std::string rejected{"\0\x53\x25", 3};
  encoder{rejected}.begin_list().raw(error).end();
  frame_tap tap{"mine", 65'536};
  std::string out;
  REQUIRE(tap.feed(attach(3, "mine", 0) + disposition(3, 4, 9, accepted) + disposition(3, 10, 10, rejected) +
                       disposition(2, 1, 1, accepted),
                   out));
  const auto d = tap.take_dispositions();
  REQUIRE(d.size() == 2);
  CHECK(d[0].first == 4);
  CHECK(d[0].last == 9);
  CHECK(d[0].settled);
  CHECK_FALSE(d[0].refused);
  CHECK(d[1].refused);
  CHECK(d[1].error.name == "com.microsoft:message-lock-lost");
  CHECK(d[1].error.description == "too late");
}

// The service answers a dead-letter with the bare outcome `rejected`; only one with an error is a refusal.
TEST_CASE("frame tap: an outcome that is echoed is no refusal") {
  std::string rejected{"\0\x53\x25", 3};
  encoder{rejected}.begin_list().end();
  frame_tap tap{"mine", 65'536};
  std::string out;
  REQUIRE(tap.feed(attach(3, "mine", 0) + disposition(3, 1, 1, rejected), out));
  const auto d = tap.take_dispositions();
  REQUIRE(d.size() == 1);
  CHECK_FALSE(d[0].refused);
  CHECK(confirms(d[0].outcome, outcome_kind::dead_letter));
  CHECK_FALSE(confirms(d[0].outcome, outcome_kind::complete));
  for (const auto asked : {outcome_kind::complete, outcome_kind::abandon, outcome_kind::release}) {
    CHECK(confirms(descriptor_of(asked), asked));
    CHECK(confirms(descriptor_of(outcome_kind::complete), asked));
    CHECK(confirms(0, asked));
  }
  CHECK_FALSE(confirms(descriptor_of(outcome_kind::release), outcome_kind::complete));
}

TEST_CASE("frame tap: what is no AMQP ends the connection instead of growing a buffer") {
  frame_tap http{"mine", 65'536};
  std::string out;
  CHECK_FALSE(http.feed("HTTP/1.1 400 Bad Request\r\n\r\n", out));
  frame_tap tiny{"mine", 65'536};
  CHECK_FALSE(tiny.feed(std::string(8, '\0'), out));
}

TEST_CASE("dispositions: each outcome is written as the service reads it") {
  const auto written = [](outcome o, size_t max_text = 4096) {
    std::string bytes;
    append_disposition(bytes, 5, 10, 12, o, max_text);
    auto all = frames_in(bytes);
    REQUIRE(all.size() == 1);
    const frame f = all[0];
    CHECK(f.performative == 0x15);
    CHECK(f.channel == 5);
    CHECK(f.fields.at(0).boolean() == true);
    CHECK(f.fields.at(1).integer() == 10);
    CHECK(f.fields.at(2).integer() == 12);
    CHECK(f.fields.at(3).boolean() == false);
    return std::pair{f.fields.at(4).descriptor, std::string{f.fields.at(4).encoded}};
  };
  CHECK(written({outcome_kind::complete, "", ""}).first == 0x24);
  CHECK(written({outcome_kind::release, "", ""}).first == 0x26);
  const auto [modified, flags] = written({outcome_kind::abandon, "", ""});
  CHECK(modified == 0x27);
  std::string_view rest = flags;
  const auto list = items_of(*read_value(rest));
  CHECK(list->at(0).boolean() == true);
  CHECK(list->at(1).boolean() == false);

  const auto [rejected, state] =
      written({outcome_kind::dead_letter, "invalid-event", std::string(5000, 'x')}, 4096);
  CHECK(rejected == 0x25);
  rest = state;
  const auto error = items_of(items_of(*read_value(rest))->at(0));
  CHECK(error->at(0).text() == "com.microsoft:dead-letter");
  CHECK(find_key(error->at(2), "DeadLetterReason")->text() == "invalid-event");
  CHECK(find_key(error->at(2), "DeadLetterErrorDescription")->text()->size() == 4096);
}

TEST_CASE("dispositions: the channel is the one the link's attach goes out on") {
  const std::string out = std::string{"AMQP\0\1\0\0", 8} + attach(0, "cbs", 0) + attach(6, "mine", 1);
  CHECK(channel_of_attach(out, "mine") == 6);
  CHECK_FALSE(channel_of_attach(out, "absent"));
  CHECK_FALSE(channel_of_attach(std::string_view{out}.substr(0, out.size() - 1), "mine"));
}
