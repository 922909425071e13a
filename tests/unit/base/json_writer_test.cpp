#include "protocol/base/json_writer.hpp"

#include <doctest/doctest.h>
#include <simdjson.h>

#include "protocol/base/iso_time.hpp"
#include "protocol/base/utf8.hpp"

TEST_CASE("json: whatever bytes go in, a parser reads valid JSON out") {
  std::string out;
  mw::json_writer w{out};
  std::string nasty = "a\"b\\c\n\x01\x7f\xff\xc3\x28 \xe2\x82\xac";
  w.begin_object()
      .field("k", nasty)
      .key("l")
      .begin_array()
      .value(1)
      .value(true)
      .null()
      .value(1.5)
      .end_array();
  w.strings("s", std::vector<std::string>{"x", "y"}).end_object();
  simdjson::dom::parser p;
  simdjson::dom::element e;
  REQUIRE(p.parse(out).get(e) == simdjson::SUCCESS);
  std::string_view k;
  REQUIRE(e["k"].get(k) == simdjson::SUCCESS);
  CHECK(k.substr(0, 4) == "a\"b\\");
  CHECK(k.find("\xe2\x82\xac") != std::string_view::npos);
  CHECK(out.find("[1,true,null,1.5]") != std::string::npos);
  CHECK(out.find(R"("s":["x","y"])") != std::string::npos);
}

TEST_CASE("json: every character arrives unchanged, wherever it stands in a text") {
  simdjson::dom::parser p;
  for (int c = 0; c < 0x80; ++c) {
    for (size_t at = 0; at < 18; ++at) {
      std::string text(18, 'x');
      text[at] = static_cast<char>(c);
      text[17 - at] = '"';
      std::string out;
      mw::append_json_string(out, text);
      std::string_view read;
      REQUIRE(p.parse(out).get(read) == simdjson::SUCCESS);
      CHECK(read == text);
      CHECK(out.find('\x7f') == std::string::npos);
    }
  }
}

TEST_CASE("json: what is written inside a string is, read as a string, the same JSON") {
  const auto write = [](mw::json_writer w) {
    for (int c = 0; c < 0x80; ++c) {
      std::string text(40, 'x');
      text[static_cast<size_t>(c) % 40] = static_cast<char>(c);
      w.begin_object()
          .field("name", text)
          .field(std::string_view{text}, c)
          .field("broken", "\xff")
          .end_object();
    }
  };
  std::string plain;
  std::string inside = "\"";
  write(mw::json_writer{plain});
  write(mw::json_writer{inside, mw::json_place::in_string});
  inside += '"';
  simdjson::dom::parser p;
  std::string_view read;
  REQUIRE(p.parse(inside).get(read) == simdjson::SUCCESS);
  CHECK(read == plain);
}

TEST_CASE("json: text of several scripts is copied, a broken sequence in it is replaced") {
  const std::string greeting =
      "Gr\xc3\xbc\xc3\x9f"
      "e, \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x8c\xbb";
  std::string out;
  mw::append_json_string(out, greeting + "\n" + greeting + "\xe4\xbd" + greeting);
  CHECK(out == "\"" + greeting + "\\n" + greeting + "\xef\xbf\xbd\xef\xbf\xbd" + greeting + "\"");
}

TEST_CASE("utf8: a prefix never cuts a code point") {
  CHECK(mw::utf8_prefix("a\xe2\x82\xac", 3) == "a");
  CHECK(mw::utf8_prefix("a\xe2\x82\xac", 4) == "a\xe2\x82\xac");
  CHECK(!mw::utf8_valid("\xed\xa0\x80"));
}

TEST_CASE("iso time: Python's, JavaScript's and Cosmos's spellings mean the same instant") {
  const auto t = mw::parse_iso_time("2026-11-23T07:15:21.500000+00:00");
  REQUIRE(t);
  CHECK(mw::parse_iso_time("2026-11-23T07:15:21.5Z") == t);
  CHECK(mw::parse_iso_time("2026-11-23T08:15:21.5+01:00") == t);
  CHECK(mw::parse_iso_time("2026-11-23T07:15:21.5") == t);
  CHECK(mw::format_iso_time(*t) == "2026-11-23T07:15:21.500000+00:00");
  CHECK(!mw::parse_iso_time("2026-13-23T07:15:21Z"));
  CHECK(!mw::parse_iso_time("yesterday"));
  CHECK(!mw::parse_iso_time(""));
}
