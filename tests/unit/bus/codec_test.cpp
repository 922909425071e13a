#include "protocol/amqp/codec.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace mw::amqp;

namespace {

std::string message_with_two_data_sections() {
  std::string out;
  encoder e{out};
  e.begin_section(section_code::header).begin_list().boolean(true).null().uint32(60'000).end();
  e.begin_section(section_code::message_annotations).begin_map().symbol("x-opt-partition-key").string("p");
  e.end();
  e.begin_section(section_code::data).binary("first");
  e.begin_section(section_code::data).binary(std::string(300, 'b'));
  return out;
}

}  // namespace

TEST_CASE("codec: a message is split into its sections, all data sections kept") {
  const std::string bytes = message_with_two_data_sections();
  const auto sections = split_sections(bytes);
  REQUIRE(sections);
  REQUIRE(sections->size() == 4);
  CHECK((*sections)[0].code == section_code::header);
  const auto header = items_of((*sections)[0].content);
  REQUIRE(header);
  CHECK((*header)[0].boolean() == true);
  CHECK((*header)[1].is_null());
  CHECK((*header)[2].integer() == 60'000);
  CHECK(find_key((*sections)[1].content, "x-opt-partition-key")->text() == "p");
  CHECK((*sections)[2].content.binary() == "first");
  CHECK((*sections)[3].content.binary()->size() == 300);
  CHECK(std::string{(*sections)[0].encoded} + std::string{(*sections)[1].encoded} +
            std::string{(*sections)[2].encoded} + std::string{(*sections)[3].encoded} ==
        bytes);
}

TEST_CASE("codec: every truncation of a message is refused or shorter, never read past the end") {
  const std::string bytes = message_with_two_data_sections();
  for (size_t n = 0; n < bytes.size(); ++n) {
    const std::string cut = bytes.substr(0, n);  // its own buffer: a read past the end is caught by ASan
    const auto sections = split_sections(cut);
    CHECK((!sections || sections->size() < 4));
  }
}

TEST_CASE("codec: integers of every width and sign are read, and one that does not fit is refused") {
  std::string out;
  encoder e{out};
  e.begin_list().ubyte(200).uint32(0).uint32(7).uint32(70'000).int32(-5).int64(-6).timestamp(7).boolean(true);
  e.end();
  std::string_view in = out;
  const auto list = read_value(in);
  REQUIRE(list);
  CHECK(in.empty());
  const auto items = items_of(*list);
  REQUIRE(items);
  const std::array<int64_t, 7> expected{200, 0, 7, 70'000, -5, -6, 7};
  for (size_t i = 0; i < expected.size(); ++i) CHECK((*items)[i].integer() == expected[i]);
  CHECK_FALSE((*items)[7].integer());
  const std::string huge = "\x80\xff\xff\xff\xff\xff\xff\xff\xff";
  in = huge;
  CHECK_FALSE(read_value(in)->integer());
  const std::string small_negative = "\x55\xfe";
  in = small_negative;
  CHECK(read_value(in)->integer() == -2);
}

TEST_CASE("codec: arrays of uuid, long and timestamp come back item by item") {
  std::string out;
  uuid id{};
  id[0] = 0xab;
  const std::array<uuid, 2> ids{id, uuid{}};
  const std::array<int64_t, 3> numbers{1, -2, 3};
  encoder e{out};
  e.begin_map().string("ids").array_of_uuid(ids).string("numbers").array_of_int64(numbers);
  e.string("times").array_of_timestamp(numbers).string("none").array_of_int64({}).end();
  std::string_view in = out;
  const auto map = read_value(in);
  REQUIRE(map);
  const auto read_ids = items_of(*find_key(*map, "ids"));
  REQUIRE(read_ids);
  REQUIRE(read_ids->size() == 2);
  CHECK((*read_ids)[0].as_uuid() == id);
  const auto times = items_of(*find_key(*map, "times"));
  REQUIRE(times);
  REQUIRE(times->size() == 3);
  CHECK((*times)[1].integer() == -2);
  CHECK(items_of(*find_key(*map, "none"))->empty());
  CHECK_FALSE(find_key(*map, "absent"));
}

TEST_CASE("codec: hostile encodings are refused: endless descriptors, an array of a billion nulls") {
  const std::string descriptors(10'000, '\0');
  CHECK(value_size(descriptors) == 0);
  std::string nulls = "\xf0";
  nulls += std::string{"\0\0\0\x05\x40\0\0\0\x40", 9};
  std::string_view in = nulls;
  const auto array = read_value(in);
  REQUIRE(array);
  CHECK_FALSE(items_of(*array));
}

TEST_CASE("guid: a delivery tag and its token are the same id in the two byte orders") {
  std::string tag;
  for (char c = 0; c < 16; ++c) tag.push_back(c);
  const auto token = token_of_tag(tag);
  REQUIRE(token);
  CHECK(to_text(*token) == "03020100-0504-0706-0809-0a0b0c0d0e0f");
  CHECK(tag_of_token(*token) == tag);
  CHECK_FALSE(token_of_tag("short"));
}
