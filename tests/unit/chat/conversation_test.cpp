#include "protocol/chat/conversation.hpp"

#include <doctest/doctest.h>

#include <string>

#include "protocol/base/utf8.hpp"
#include "protocol/chat/json_document.hpp"

using mw::errc;
using namespace mw::chat;

namespace {

/// A conversation whose messages array holds this text.
std::string with_messages(const std::string& messages) {
  return R"({"sessionId":"s","userId":"u","messages":[)" + messages + "]}";
}

std::string with_content(const std::string& content) {
  return with_messages(R"({"messageId":"1_user","role":"user","timestamp":"t","content":)" + content + "}");
}

std::string content_of(const std::string& json_value) {
  const auto r = parse_conversation(with_content(json_value));
  REQUIRE(r);
  REQUIRE(r->messages.size() == 1);
  return r->messages[0].content;
}

std::string why(const std::string& json) {
  const auto r = parse_conversation(json);
  if (r) return "accepted";
  CHECK(r.error().code == errc::conversation_malformed);
  CHECK(r.error().detail.find("secret") == std::string::npos);
  return r.error().detail;
}

bool names(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("conversation: the original's document is read") {
  const auto r = parse_conversation(
      R"({"sessionId": "s1", "userId": "u1", "createdAt": "2026-11-23T07:00:00+00:00", "title": null,
          "lastActivity": "2026-11-23T07:15:21.123456+00:00", "messages": [
          {"messageId": "1_system", "role": "system", "content": "Be kind.", "timestamp": "2026-11-23T07:00:01+00:00"},
          {"messageId": "1_user", "role": "user", "content": "Hi, I'm Jürgen \ud83d\ude00", "timestamp": "2026-11-23T07:00:01+00:00"},
          {"messageId": "1_assistant", "role": "assistant", "content": "Hello!", "timestamp": "2026-11-23T07:00:01+00:00",
           "tool_calls": [{"id": "c1"}]}]})");
  REQUIRE(r);
  CHECK(r->session_id == "s1");
  CHECK(r->user_id == "u1");
  CHECK(r->title.empty());
  CHECK(r->last_activity == mw::parse_iso_time("2026-11-23T07:15:21.123456Z"));
  CHECK(r->created_at == mw::parse_iso_time("2026-11-23T07:00:00Z"));
  REQUIRE(r->messages.size() == 3);
  CHECK(r->messages[0].from == role::system);
  CHECK(r->messages[1].id == "1_user");
  CHECK(r->messages[1].content == "Hi, I'm Jürgen 😀");
  CHECK(r->messages[2].from == role::assistant);
  CHECK(r->messages[2].timestamp.text() == "2026-11-23T07:00:01+00:00");
}

TEST_CASE("conversation: content may be a string, null, absent or an array of parts") {
  CHECK(content_of(R"("a")") == "a");
  CHECK(content_of("null") == "");
  CHECK(content_of("[]") == "");
  CHECK(content_of("17") == "");
  CHECK(content_of(R"({"text":"a"})") == "a");
  CHECK(content_of(R"([{"type":"text","text":"a"}])") == "a");
  CHECK(content_of(R"([{"text":"a","type":"text"},{"type":"image_url","image_url":{"url":"x"},"text":"no"},)"
                   R"(null,"loose",{"type":"text","text":null},{"type":"text","text":"b"}])") ==
        "a\nloose\nb");
  const auto r = parse_conversation(with_messages(R"({"role":"user"})"));
  REQUIRE(r);
  CHECK(r->messages[0].content.empty());
  CHECK(r->messages[0].id.starts_with("unnamed-"));
  CHECK(r->messages[0].timestamp.text().empty());
}

TEST_CASE(
    "conversation: every role of chat APIs has its meaning, one that nobody knows costs its message only") {
  CHECK(role_from("developer") == role::system);
  CHECK(role_from("function") == role::tool);
  for (const auto r : {role::system, role::user, role::assistant, role::tool})
    CHECK(role_from(to_string(r)) == r);
  CHECK(role_from("User") == role::user);
  const auto r = parse_conversation(with_messages(
      R"({"role":"user","content":"a"},{"role":"moderation"},{"content":"b"},{"role":7},"secret")"));
  REQUIRE(r);
  REQUIRE(r->messages.size() == 5);
  CHECK(r->messages[0].why == unread::no);
  for (const size_t i : {1, 2, 3}) CHECK(r->messages[i].why == unread::unknown_role);
  CHECK(r->messages[4].why == unread::shape);
}

TEST_CASE("conversation: what cannot be read is refused with its place, never its text") {
  CHECK(names(why(""), "JSON"));
  CHECK(names(why("secret"), "JSON"));
  CHECK(names(why(with_messages(R"("secret)")), "JSON"));
  CHECK(names(why(R"(["secret"])"), "not an object"));
  CHECK(names(why(R"({"messages":[]})"), "userId"));
  CHECK(names(why(R"({"userId":"","messages":[]})"), "userId"));
  CHECK(names(why(R"({"userId":7,"messages":[]})"), "userId"));
  CHECK(names(why(R"({"userId":"u"})"), "messages is missing"));
  CHECK(names(why(R"({"userId":"u","messages":null})"), "messages is not an array"));
  CHECK(names(why(R"({"userId":"u","messages":{"secret":1}})"), "messages is not an array"));
}

TEST_CASE("conversation: an empty list of messages is a conversation") {
  const auto r = parse_conversation(R"({"userId":"u","messages":[]})");
  REQUIRE(r);
  CHECK(r->messages.empty());
  CHECK_FALSE(r->last_activity);
}

TEST_CASE("conversation: of duplicate keys the last counts, also for the owner and the messages") {
  const auto r =
      parse_conversation(R"({"userId":"a","messages":[{"role":"user"},{"role":"user"}],"userId":"b",)"
                         R"("messages":[{"role":"user","role":"assistant","content":"x","content":"y"}]})");
  REQUIRE(r);
  CHECK(r->user_id == "b");
  REQUIRE(r->messages.size() == 1);
  CHECK(r->messages[0].from == role::assistant);
  CHECK(r->messages[0].content == "y");
}

TEST_CASE("conversation: deep nesting is an error, not a crash, also inside a field nobody reads") {
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  CHECK(names(why(deep), "JSON"));
  CHECK(names(why(R"({"userId":"u","extra":)" + deep + R"(,"messages":[]})"), "JSON"));
  CHECK(names(why(with_content(deep)), "JSON"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  CHECK(names(why(objects), "JSON"));
  const std::string bearable = std::string(500, '[') + std::string(500, ']');
  CHECK(parse_conversation(R"({"userId":"u","extra":)" + bearable + R"(,"messages":[]})"));
}

TEST_CASE("conversation: megabytes are read, in one message or in many, one after the other") {
  const std::string text(5u << 20, 'x');
  CHECK(content_of('"' + text + '"') == text);
  std::string many;
  for (int i = 0; i < 20'000; ++i)
    many +=
        (i ? "," : "") + std::string{R"({"messageId":"m","role":"user","content":"0123456789 0123456789"})"};
  const auto r = parse_conversation(with_messages(many));
  REQUIRE(r);
  CHECK(r->messages.size() == 20'000);
  CHECK(r->messages.back().content == "0123456789 0123456789");
  CHECK(content_of(R"("small again")") == "small again");
}

TEST_CASE("conversation: surrogates without partner become U+FFFD and cost nothing else") {
  CHECK(content_of(R"("a\ud83d")") == "a\xEF\xBF\xBD");
  CHECK(content_of(R"("\ude00b")") ==
        "\xEF\xBF\xBD"
        "b");
  CHECK(content_of(R"("\ud83dx\uDE00")") == "\xEF\xBF\xBDx\xEF\xBF\xBD");
  CHECK(content_of(R"("\ud83d\ud83d\ude00")") == "\xEF\xBF\xBD😀");
  CHECK(content_of(R"("\ud83d\u0041")") ==
        "\xEF\xBF\xBD"
        "A");
  CHECK(content_of(R"("\\ud83d stays text \ud83d")") == "\\ud83d stays text \xEF\xBF\xBD");
  CHECK(content_of(R"("\\\ud83d")") == "\\\xEF\xBF\xBD");
  CHECK(content_of(R"("m\\ud83d\ude00")") == "m\\ud83d\xEF\xBF\xBD");
  CHECK(content_of(R"("\uD83D\uDE00 \u00e9 \\ \n")") == "😀 é \\ \n");
  CHECK(repair_surrogates(R"(\ud83)") == R"(\ud83)");
  CHECK(names(why(with_content(R"("\ud83 \ud83d)")), "JSON"));
}

TEST_CASE("conversation: NUL and control characters in escapes are kept as text") {
  CHECK(content_of(R"("a\u0000b\u001f")") == std::string("a\0b\x1f", 4));
}

TEST_CASE("conversation: invalid UTF-8 is refused") {
  CHECK(names(why(with_content("\"\xC3\x28\"")), "JSON"));
}

TEST_CASE("conversation: written as the chat application stores it, and read back the same") {
  conversation c;
  c.session_id = "s-1";
  c.user_id = "u \"x\"";
  c.created_at = mw::parse_iso_time("2026-01-01T00:00:00Z");
  c.last_activity = mw::parse_iso_time("2026-01-02T03:04:05.678901Z");
  c.messages = {{"1_user", role::user, "line\nline \xF0\x9F\x98\x80", "2026-01-01T00:00:00.000000+00:00"},
                {"1_assistant", role::assistant, "", "2026-01-01T00:00:00.000000+00:00"}};
  const auto text = write_conversation(c);
  CHECK(names(text, R"("title":null)"));
  CHECK(names(text, R"("lastActivity":"2026-01-02T03:04:05.678901+00:00")"));
  CHECK(names(text, R"({"messageId":"1_assistant","role":"assistant","content":"","timestamp":"2026-)"));
  const auto r = parse_conversation(text);
  REQUIRE(r);
  CHECK(r->session_id == c.session_id);
  CHECK(r->user_id == c.user_id);
  CHECK(r->created_at == c.created_at);
  CHECK(r->last_activity == c.last_activity);
  REQUIRE(r->messages.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(r->messages[i].id == c.messages[i].id);
    CHECK(r->messages[i].from == c.messages[i].from);
    CHECK(r->messages[i].content == c.messages[i].content);
    CHECK(r->messages[i].timestamp.text() == c.messages[i].timestamp.text());
  }
  c.title = "Trip";
  CHECK(names(write_conversation(c), R"("title":"Trip")"));
}

TEST_CASE("conversation: the key in Redis is the chat application's") {
  CHECK(redis_key("a b") == "session:a b");
}
