#include "cmd/memory-devstack/publish/sample.hpp"

#include <doctest/doctest.h>

#include "cmd/memory-devstack/publish/options.hpp"
#include "protocol/chat/conversation.hpp"
#include "protocol/chat/event.hpp"

namespace {

using namespace mw::publish;

constexpr const char* two_turns =
    R"({"userId":"u1","sessionId":"s1","title":"T","messages":[{"role":"user","text":"a"},
  {"role":"assistant","text":"b"},{"role":"user","text":"c"},{"role":"assistant","text":"d"}]})";

std::string why_wrong(const char* json) {
  const auto s = parse_sample(json);
  return s ? std::string{} : s.error().detail;
}

TEST_CASE("The stored conversation grows turn by turn with the chat application's message ids") {
  const auto s = parse_sample(two_turns);
  REQUIRE(s);
  const mw::wall_time t{std::chrono::microseconds{1'700'000'000'000'000}};
  const auto first = mw::chat::parse_conversation(conversation_json(*s, {{"x", t}}));
  REQUIRE(first);
  REQUIRE(first->messages.size() == 3);
  CHECK(first->messages[0].id == "x_system");
  CHECK(first->messages[1].id == "x_user");
  CHECK(first->messages[2].id == "x_assistant");
  const auto second =
      mw::chat::parse_conversation(conversation_json(*s, {{"x", t}, {"y", t + std::chrono::seconds{1}}}));
  REQUIRE(second);
  REQUIRE(second->messages.size() == 5);
  CHECK(second->messages[4].id == "y_assistant");
  CHECK(second->messages[4].content == "d");
  CHECK(second->user_id == "u1");
  CHECK(second->title == "T");
  CHECK(second->last_activity == t + std::chrono::seconds{1});
}

TEST_CASE("The event names session, user and chat message, and is a valid one") {
  const auto s = parse_sample(two_turns);
  REQUIRE(s);
  const mw::wall_time t{std::chrono::microseconds{1'700'000'000'000'000}};
  const auto m = completed_message(*s, {"x", t});
  CHECK(m.message_id == "x_completed");
  CHECK(m.session_id == "s1");
  const auto event = mw::chat::parse_event(m.body);
  REQUIRE(event);
  CHECK(event->chat_message_id == "x");
  CHECK(event->user_id == "u1");
  CHECK(event->completed_at == t);
}

TEST_CASE("A sample that no chat could have made is refused and the place is named") {
  CHECK(why_wrong("[]").find("object") != std::string::npos);
  CHECK(why_wrong(R"({"sessionId":"s"})").find("userId") != std::string::npos);
  CHECK(why_wrong(R"({"userId":"u","sessionId":"s"})").find("messages") != std::string::npos);
  CHECK(why_wrong(R"({"userId":"u","sessionId":"s","messages":[]})").find("assistant") != std::string::npos);
  CHECK(why_wrong(R"({"userId":"u","sessionId":"s","messages":[{"role":"user","text":"a"}]})")
            .find("assistant") != std::string::npos);
  CHECK(
      why_wrong(
          R"({"userId":"u","sessionId":"s","messages":[{"role":"user","text":"a"},{"role":"user","text":"b"}]})")
          .find("messages[1].role") != std::string::npos);
  CHECK(
      why_wrong(R"({"userId":"u","sessionId":"s","messages":[{"role":"user"}]})").find("messages[0].text") !=
      std::string::npos);
}

TEST_CASE("The command line needs a bus and files; addresses are checked") {
  using strings = std::vector<std::string>;
  CHECK_FALSE(parse_options(strings{"a.json"}));
  CHECK_FALSE(parse_options(strings{"--bus-port", "5672"}));
  CHECK_FALSE(parse_options(strings{"--bus-port", "70000", "a.json"}));
  CHECK_FALSE(parse_options(strings{"--redis", "nowhere", "--bus-port", "5672", "a.json"}));
  CHECK_FALSE(parse_options(strings{"--colour", "red", "--bus-port", "5672", "a.json"}));
  const auto o = parse_options(strings{"--redis=localhost:7000", "--bus-port=5672", "--rate", "0.5",
                                       "--interleave", "a.json", "b.json"});
  REQUIRE(o);
  CHECK(o->redis_host == "localhost");
  CHECK(o->redis_port == 7000);
  CHECK(o->bus.port == 5672);
  CHECK_FALSE(o->bus.tls);
  CHECK(o->rate == 0.5);
  CHECK(o->files.size() == 2);
}

}  // namespace
