#include "protocol/base/lenient_json.hpp"

#include <doctest/doctest.h>

#include "protocol/base/json_parser.hpp"

namespace {

using mw::json_fault;
using mw::read_leniently;

std::string plain(std::string_view json) {
  const auto got = read_leniently(json);
  if (const auto* fault = std::get_if<json_fault>(&got)) return "FAULT: " + to_string(*fault);
  return std::get<std::string>(got);
}

bool strict_takes(const std::string& json) {
  const mw::borrowed_parser parser;
  return parser->parse(json).error() == simdjson::SUCCESS;
}

}  // namespace

TEST_CASE("numbers that JSON or 64 bits have no room for become null") {
  CHECK(plain(R"({"a":NaN,"b":-Infinity,"c":Infinity,"d":1})") == R"({"a":null,"b":null,"c":null,"d":1})");
  CHECK(plain(R"([1267650600228229401496703205376, -1267650600228229401496703205376])") == "[null,null]");
  CHECK(plain("[18446744073709551615, -9223372036854775808]") ==
        "[18446744073709551615,-9223372036854775808]");
  CHECK(plain("[18446744073709551616, -9223372036854775809]") == "[null,null]");
  CHECK(plain("[1e400, -1E+400, 1e-400, 2.5e3]") == "[null,null,0,2.5e3]");
}

TEST_CASE("control characters inside a string are escaped, those outside are white space or a fault") {
  CHECK(plain("{\"a\":\"x\ty\nz\x01\"}") == R"({"a":"x\ty\nz\u0001"})");
  CHECK(plain(std::string_view{"[\"a\0b\"]", 7}) == R"(["a\u0000b"])");
  CHECK(plain("[1,\n\t2]") == "[1,2]");
  CHECK(plain("[1,\x02 2]") == "FAULT: unexpected sign at byte 3, $[1]");
}

TEST_CASE("a comma at the end is dropped, one too many is a fault") {
  CHECK(plain(R"({"a":[1,2,],})") == R"({"a":[1,2]})");
  CHECK(plain("[1,,2]") == "FAULT: unexpected sign at byte 3, $[1]");
  CHECK(plain("[,]") == "FAULT: unexpected sign at byte 1, $[0]");
}

TEST_CASE("Python's words and backslashes that escape nothing are written as JSON writes them") {
  CHECK(plain("[None, True, False, null]") == "[null,true,false,null]");
  CHECK(plain(R"(["it\'s", "C:\data", "\u00e4\n\\d"])") == R"(["it's","C:\\data","\u00e4\n\\d"])");
}

TEST_CASE("what remains broken names its byte and its path, never a value") {
  CHECK(plain(R"({"sessionId":"case-30","userId":@"person-30"})") ==
        "FAULT: unexpected sign at byte 32, $.userId");
  CHECK(plain(R"({"m":[{"role":"user"},{"role":"us)") ==
        "FAULT: a string without an end at byte 30, $.m[1].role");
  CHECK(plain(R"({"m":[{"a secret text":tru}]})") == "FAULT: unexpected sign at byte 23, $.m[0].?");
  CHECK(plain(R"({"a":1} x)") == "FAULT: more text after the value at byte 8, $");
  CHECK(plain(R"({"a":01})") == "FAULT: not a number of JSON at byte 5, $.a");
  CHECK(plain(R"({"a" 1})") == "FAULT: unexpected sign at byte 5, $.a");
  CHECK(plain("{\"a\":\"\xff\"}") == "FAULT: not UTF-8 at byte 6, $.a");
  CHECK(plain(R"({"a":"\u12"})") == "FAULT: half an escape at byte 6, $.a");
  CHECK(plain("") == "FAULT: the text ends too early at byte 0, $");
  CHECK(plain(R"({"a":)") == "FAULT: the text ends too early at byte 5, $.a");
  CHECK(plain("{'a':1}") == "FAULT: unexpected sign at byte 1, $.?");
}

TEST_CASE("what is read leniently is JSON to the strict parser") {
  for (const char* json :
       {R"({"a":NaN})", "[1e400]", "[99999999999999999999]", "[1,]", "{}", "[]", "\"a\tb\"", "None", "-0",
        "[-0.0]", R"(["\'","\x","\\","\"","\/"])", "[0.1e-9999]", "[123456789012345678901234567890.5]"}) {
    CAPTURE(json);
    CHECK(strict_takes(plain(json)));
  }
}

TEST_CASE("depth is bounded") {
  CHECK(plain(std::string(1'001, '[')).starts_with("FAULT: nested too deep at byte 1000, $[0]"));
  CHECK(strict_takes(plain(std::string(1'000, '[') + std::string(1'000, ']'))));
}
