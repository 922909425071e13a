// NaN, Infinity, integers beyond 64 bits, 1e400 and raw control characters, as Python writes them into fields
// that nobody reads, dead-lettered events and conversations and made paid answers unreadable.
#include <doctest/doctest.h>

#include "protocol/chat/conversation.hpp"
#include "protocol/chat/event.hpp"
#include "protocol/llm/response.hpp"

namespace mw {
namespace {

constexpr const char* odd_values[] = {
    "NaN",        "Infinity", "-Infinity", "1267650600228229401496703205376", "1e400", "[NaN,{\"x\":-1e999}]",
    "\"a\tb\nc\""};

TEST_CASE("an event with a value that JSON has no room for is read") {
  for (const auto* odd : odd_values) {
    CAPTURE(odd);
    const auto event = chat::parse_event(std::string{R"({"latency":)"} + odd +
                                         R"(,"sessionId":"s","userId":"u","chatMessageId":"m"})");
    REQUIRE(event);
    CHECK(event->user_id == "u");
  }
}

TEST_CASE("a conversation with such values beside its messages is read, control characters in texts too") {
  for (const auto* odd : odd_values) {
    CAPTURE(odd);
    const auto read = chat::parse_conversation(
        std::string{R"({"sessionId":"s","userId":"u","meta":)"} + odd +
        ",\"messages\":[{\"messageId\":\"m_user\",\"role\":\"user\",\"content\":\"a small\torchestra\","
        "\"timestamp\":\"2026-03-02T09:00:01Z\"}]}");
    REQUIRE(read);
    REQUIRE(read->messages.size() == 1);
    CHECK(read->messages[0].content == "a small\torchestra");
  }
}

TEST_CASE("an answer of the LLM with such values beside its text is read") {
  for (const auto* odd : odd_values) {
    CAPTURE(odd);
    http::response r;
    r.status = 200;
    r.body =
        std::string{R"({"created":)"} + odd +
        R"(,"choices":[{"logprobs":{"total":NaN},"finish_reason":"stop","message":{"content":"text"}}],)" +
        R"("usage":{"prompt_tokens":9}})";
    const auto got = llm::read_reply(r, "host", {});
    REQUIRE(got.content);
    CHECK(*got.content == "text");
    CHECK(got.used.prompt_tokens == 9);
  }
}

TEST_CASE("what remains unreadable says at which byte and on which path") {
  const auto event = chat::parse_event(R"({"sessionId":"case-30","userId":@"person-30"})");
  REQUIRE_FALSE(event);
  CHECK(event.error().detail == "body is not JSON: unexpected sign at byte 32, $.userId");
}

}  // namespace
}  // namespace mw
