#include "protocol/cosmos/signing.hpp"

#include <doctest/doctest.h>

using namespace mw;
using namespace mw::cosmos;

TEST_CASE("a master key signs as the service's reference shows it") {
  const auto key =
      decode_key("dsZQi3KtZmCv1ljt3VNWNm7sQUF1y5rJfC6kv5JiwvW0EndXdDku/dkKBp8/ufDToSxLzR4y+O/0H/t4bQtVNw==");
  REQUIRE(key);
  CHECK(key->size() == 64);
  CHECK(master_authorization(*key, {"GET", "dbs", "dbs/ToDoList", "Thu, 27 Apr 2017 00:51:12 GMT"}) ==
        "type%3Dmaster%26ver%3D1.0%26sig%3Dc09PEVJrgp2uQRkr934kFbTqhByc7TVr3OHyqlu%2Bc%2Bc%3D");
}

TEST_CASE("a key that is not base64 is refused without being repeated") {
  for (const char* text : {"", "secret", "!!!!", "c2VjcmV0LQ"}) {
    const auto key = decode_key(text);
    REQUIRE_FALSE(key);
    CHECK(key.error().code == errc::misconfigured);
    if (*text != '\0') CHECK(key.error().detail.find(text) == std::string::npos);
  }
}

TEST_CASE("a date is written and read as HTTP has it") {
  const auto t = std::chrono::system_clock::from_time_t(1'493'254'272);
  CHECK(http_date(t) == "Thu, 27 Apr 2017 00:51:12 GMT");
  CHECK(parse_http_date("Thu, 27 Apr 2017 00:51:12 GMT") == t);
  for (const auto* none : {"yesterday", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 1680 00:00:00 GMT"})
    CHECK(parse_http_date(none) == std::chrono::system_clock::time_point{});
}

TEST_CASE("a partition key travels as ASCII, whatever the user's id is written in") {
  CHECK(partition_key_header("user-1") == R"(["user-1"])");
  CHECK(partition_key_header("a\"b\\c") == R"(["a\"b\\c"])");
  CHECK(partition_key_header("Zoë") == R"(["Zo\u00eb"])");
  CHECK(partition_key_header("雪") == R"(["\u96ea"])");
  CHECK(partition_key_header("😀") == R"(["\ud83d\ude00"])");
}

TEST_CASE("ids that Cosmos DB refuses are refused before they are sent, and the detail says why") {
  for (const char* id : {"", "a/b", "a\\b", "a?b", "a#b", "a ", ".", "..", "a\nb", "\xff"}) {
    const auto s = check_id("the user id", id);
    REQUIRE_FALSE(s);
    CHECK(s.error().code == errc::not_storable);
    CHECK(s.error().detail.starts_with("Cosmos DB takes no such id: the user id "));
  }
  CHECK(check_id("the user id", std::string(1'023, 'x')));
  CHECK_FALSE(check_id("the user id", std::string(1'024, 'x')));
  CHECK(check_id("the user id", "a b:c|d@e.f+g=%"));
}
