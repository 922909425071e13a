#include "protocol/chat/event.hpp"

#include <doctest/doctest.h>

#include <string>

using mw::errc;
using mw::chat::parse_event;

namespace {

const std::string good =
    R"({"sessionId":"s1","userId":"u1","chatMessageId":"12","completedAt":"2026-11-23T07:15:21.5+00:00",)"
    R"("eventType":"message_completed"})";

std::string why(const std::string& body) {
  const auto r = parse_event(body);
  if (r) return "accepted";
  CHECK(r.error().code == errc::invalid_event);
  return r.error().detail;
}

bool names(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("event: the original's event is read") {
  const auto r = parse_event(good);
  REQUIRE(r);
  CHECK(r->session_id == "s1");
  CHECK(r->user_id == "u1");
  CHECK(r->chat_message_id == "12");
  CHECK(r->completed_at == mw::parse_iso_time("2026-11-23T07:15:21.500Z"));
}

TEST_CASE("event: what is written is read back, and unknown fields are ignored") {
  const mw::chat::completed_event e{"s\"1\"", "ünï", "m\n1",
                                    mw::parse_iso_time("2026-11-23T07:15:21.123456Z")};
  const auto r = parse_event(mw::chat::write_event(e));
  REQUIRE(r);
  CHECK(r->session_id == e.session_id);
  CHECK(r->user_id == e.user_id);
  CHECK(r->chat_message_id == e.chat_message_id);
  CHECK(r->completed_at == e.completed_at);
  CHECK(names(mw::chat::write_event(e), R"("eventType":"message_completed")"));
  CHECK(parse_event(R"({"new":{"a":[1,2,{"b":null}]},"sessionId":"s","userId":"u","chatMessageId":"m"})"));
}

TEST_CASE("event: an unreadable completedAt makes no claim about the time and is no reason to refuse") {
  for (const char* at : {R"("yesterday")", "17", "null", R"("")"}) {
    const auto r = parse_event(R"({"sessionId":"s","userId":"u","chatMessageId":"m","completedAt":)" +
                               std::string{at} + "}");
    REQUIRE(r);
    CHECK_FALSE(r->completed_at);
  }
}

TEST_CASE("event: what is wrong is named with its field") {
  CHECK(names(why(""), "not JSON"));
  CHECK(names(why("hello"), "not JSON"));
  CHECK(names(why(good.substr(0, good.size() - 1)), "not JSON"));
  CHECK(names(why("[1]"), "not an object"));
  CHECK(names(why(R"({"userId":"u","chatMessageId":"m"})"), "sessionId is missing"));
  CHECK(names(why(R"({"sessionId":"s","chatMessageId":"m"})"), "userId is missing"));
  CHECK(names(why(R"({"sessionId":"s","userId":"u"})"), "chatMessageId is missing"));
  CHECK(names(why(R"({"sessionId":"","userId":"u","chatMessageId":"m"})"), "sessionId is empty"));
  CHECK(names(why(R"({"sessionId":"s","userId":7,"chatMessageId":"m"})"), "userId is not a string"));
  CHECK(names(why(R"({"sessionId":"s","userId":null,"chatMessageId":"m"})"), "userId is not a string"));
  CHECK(
      names(why(R"({"sessionId":"s","userId":"u","chatMessageId":"m","eventType":"deleted"})"), "eventType"));
  CHECK(names(why(R"({"sessionId":"s","userId":"u","chatMessageId":"m","eventType":null})"), "eventType"));
}

TEST_CASE("event: ids of 512 bytes pass, longer ones are refused") {
  const auto with_id = [](size_t n) {
    return R"({"sessionId":"s","userId":"u","chatMessageId":")" + std::string(n, 'x') + "\"}";
  };
  CHECK(parse_event(with_id(512)));
  CHECK(names(why(with_id(513)), "chatMessageId is longer than 512 bytes"));
  CHECK(names(why(with_id(1u << 20)), "chatMessageId"));
}

TEST_CASE("event: of duplicate keys the last counts, and a bad one anywhere is refused") {
  const auto r = parse_event(R"({"userId":"a","sessionId":"s","chatMessageId":"m","userId":"b"})");
  REQUIRE(r);
  CHECK(r->user_id == "b");
  CHECK(names(why(R"({"userId":"a","sessionId":"s","chatMessageId":"m","userId":""})"), "userId is empty"));
}

TEST_CASE("event: nesting as deep as a body can be is refused, not a crash") {
  const std::string deep(500'000, '[');
  CHECK(names(why(deep), "not JSON"));
  CHECK(names(why(R"({"x":)" + deep), "not JSON"));
  CHECK(names(why(R"({"x":)" + deep + std::string(500'000, ']') + good.substr(1)), "not JSON"));
  CHECK(parse_event(good));  // the parser is as good as new
}

TEST_CASE("event: no piece of a refused body reaches the description") {
  CHECK_FALSE(names(why(R"({"sessionId":"secret", bad)"), "secret"));
  CHECK_FALSE(names(why(R"({"sessionId":["secret"]})"), "secret"));
}

TEST_CASE("event: invalid UTF-8 is refused, a byte order mark is not") {
  CHECK(names(why("{\"sessionId\":\"\xff\"}"), "not JSON"));
  CHECK(parse_event("\xEF\xBB\xBF" + good));
}
