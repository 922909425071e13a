// What a Redis or a stored document said went into the words of a failure with its line breaks and control
// characters: a line of `memory-worker check` could be made to look like two, and a terminal be written to.
#include <doctest/doctest.h>

#include "protocol/memory/documents_json.hpp"
#include "protocol/redis/reply_reader.hpp"

namespace mw {
namespace {

bool is_one_plain_line(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 127) return false;
  return true;
}

TEST_CASE("an error line of Redis is told as one line without control characters") {
  for (const auto* line : {"ERR a\nredis: all is well", "NOPERM this user\r\x1b[2J has", "WEIRD\t\x7f"}) {
    CAPTURE(line);
    const auto told = redis::meaning_of(line, "GET", "GET", "session:*").detail;
    CHECK(is_one_plain_line(told));
    CHECK(told.starts_with("GET: "));
  }
  CHECK(redis::meaning_of("ERR a\nb", "GET").detail == "GET: ERR a b");
}

TEST_CASE("a complaint about a stored document names no field that is no name") {
  const auto read = memory::parse_profile(R"({"userId":"u","worker":"{\"applied\":{\"a\\nb\":1}}"})");
  REQUIRE_FALSE(read);
  CHECK(is_one_plain_line(read.error().detail));
  CHECK(read.error().detail.find("applied.? is not an object") != std::string::npos);
  const auto named = memory::parse_profile(R"({"userId":"u","worker":"{\"applied\":{\"session-1\":1}}"})");
  REQUIRE_FALSE(named);
  CHECK(named.error().detail.find("applied.session-1 is not an object") != std::string::npos);
}

}  // namespace
}  // namespace mw
