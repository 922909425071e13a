#include "cmd/memory-devstack/bus/content.hpp"

#include <doctest/doctest.h>

#include <array>

#include "tests/unit/bus/make_content.hpp"

using namespace mw::devstack;
using namespace mw::devstack::test;
using mw::amqp::encoder;
using mw::amqp::section_code;

namespace {

std::string full_message() {
  std::string out;
  encoder e{out};
  e.begin_section(section_code::header).begin_list().boolean(true).null().uint32(60'000).end();
  e.begin_section(section_code::delivery_annotations).begin_map().symbol("hop").string("x").end();
  e.begin_section(section_code::message_annotations).begin_map();
  e.symbol("x-opt-partition-key").string("p").symbol("x-opt-sequence-number").int64(999).end();
  e.begin_section(section_code::properties).begin_list().string("id-1").null().null().string("subject").end();
  e.begin_section(section_code::application_properties).begin_map();
  e.string("kind").string("a").string("count").int32(4).end();
  e.begin_section(section_code::data).binary("body");
  e.begin_section(section_code::footer).begin_map().end();
  return out;
}

const mw::amqp::section* find_section(const std::vector<mw::amqp::section>& sections, section_code code) {
  for (const auto& s : sections) {
    if (s.code == code) return &s;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("content: what was sent comes out again, with the broker's annotations and the count") {
  const auto what = parse_content(full_message(), [] { return std::string{}; });
  REQUIRE(what);
  const auto lock = token(7);
  stamp s;
  s.sequence = 12;
  s.enqueued = 1'700'000'000'000;
  s.delivery_count = 2;
  s.token = &lock;
  s.locked_until = 1'700'000'030'000;
  s.dead_letter_source = "t/Subscriptions/s";
  std::string out;
  encode_message(**what, s, out);
  const auto sections = mw::amqp::split_sections(out);
  REQUIRE(sections);
  const auto header = mw::amqp::items_of(find_section(*sections, section_code::header)->content);
  REQUIRE(header->size() == 5);
  CHECK((*header)[0].boolean() == true);
  CHECK((*header)[2].integer() == 60'000);
  CHECK((*header)[4].integer() == 2);
  const auto& hop = find_section(*sections, section_code::delivery_annotations)->content;
  CHECK(mw::amqp::find_key(hop, "x-opt-lock-token")->as_uuid() == lock);
  CHECK_FALSE(mw::amqp::find_key(hop, "hop"));
  const auto& annotations = find_section(*sections, section_code::message_annotations)->content;
  CHECK(mw::amqp::find_key(annotations, "x-opt-partition-key")->text() == "p");
  CHECK(mw::amqp::find_key(annotations, "x-opt-sequence-number")->integer() == 12);
  CHECK(mw::amqp::find_key(annotations, "x-opt-locked-until")->integer() == 1'700'000'030'000);
  CHECK(mw::amqp::find_key(annotations, "x-opt-deadletter-source")->text() == "t/Subscriptions/s");
  CHECK(find_section(*sections, section_code::data)->content.binary() == "body");
  CHECK(find_section(*sections, section_code::footer) != nullptr);
  const std::string original = full_message();
  const auto sent = mw::amqp::split_sections(original);
  CHECK(out.find(find_section(*sent, section_code::properties)->encoded) != std::string::npos);
}

TEST_CASE("content: a message without an id gets one and keeps its other properties") {
  std::string bytes;
  encoder e{bytes};
  e.begin_section(section_code::properties).begin_list().null().null().null().string("subject").end();
  e.begin_section(section_code::data).binary("x");
  const auto what = parse_content(bytes, [] { return std::string{"generated"}; });
  REQUIRE(what);
  CHECK(message_id_of(**what) == "generated");
  std::string out;
  encode_message(**what, {}, out);
  const auto sections = mw::amqp::split_sections(out);
  const auto items = mw::amqp::items_of(find_section(*sections, section_code::properties)->content);
  CHECK((*items)[3].text() == "subject");
  CHECK(message_id_of(*make_content("")) == "made-up");
}

TEST_CASE("content: properties are added and replaced without touching the original") {
  const auto what = *parse_content(full_message(), [] { return std::string{}; });
  const std::array changes{text_property("kind", "b"), text_property("why", "because")};
  const auto changed = with_properties(*what, changes);
  CHECK(application_property(*changed, "kind")->text() == "b");
  CHECK(application_property(*changed, "why")->text() == "because");
  CHECK(application_property(*changed, "count")->integer() == 4);
  CHECK(changed->application_items == 6);
  CHECK(application_property(*what, "kind")->text() == "a");
  CHECK_FALSE(application_property(*what, "why"));
  std::string out;
  encode_message(*changed, {}, out);
  CHECK(mw::amqp::split_sections(out));
}

TEST_CASE("content: a batch is split into its messages; what is none is refused") {
  std::string envelope;
  encoder e{envelope};
  e.begin_section(section_code::data).binary(encoded_message("1", "a"));
  e.begin_section(section_code::data).binary(encoded_message("2", "b"));
  const auto messages = split_batch(envelope);
  REQUIRE(messages);
  REQUIRE(messages->size() == 2);
  CHECK(message_id_of(**parse_content((*messages)[1], [] { return std::string{}; })) == "2");
  std::string empty;
  encoder{empty}.begin_section(section_code::properties).begin_list().end();
  CHECK_FALSE(split_batch(empty));
  CHECK_FALSE(split_batch("garbage"));
  CHECK_FALSE(parse_content("garbage", [] { return std::string{}; }));
  CHECK_FALSE(parse_content("", [] { return std::string{}; }));
}
