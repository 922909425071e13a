// A conversation whose last message has no id: our own Memory API turned the commit away, and the event was
// dead-lettered.
#include <doctest/doctest.h>

#include <set>

#include "protocol/memory_api/commit_json.hpp"
#include "tests/unit/actors/world.hpp"
#include "tests/unit/analysis/chats.hpp"

using namespace mw;

namespace {

chat::conversation read_again(const chat::conversation& c) {
  auto read = chat::parse_conversation(chat::write_conversation(c));
  REQUIRE(read);
  return *read;
}

/// All messages but the first have no id.
chat::conversation nameless(int messages) {
  auto c = analysis::chat_of(messages);
  for (size_t i = 1; i < c.messages.size(); ++i) c.messages[i].id.clear();
  return c;
}

std::vector<std::string> texts_of(const analysis::loaded_conversation& c) {
  std::vector<std::string> out;
  for (const auto& m : c.messages) out.push_back(m.text);
  return out;
}

}  // namespace

TEST_CASE("a commit whose last message has no id of its own is one that the Memory API reads") {
  const auto p = analysis::prepared(read_again(nameless(4)), {}, analysis::job_for(1)).conversation;
  REQUIRE(p);
  const auto c = analysis::commit_of(*p, {}, {}, "model");
  const auto back = memory_api::parse_commit(memory_api::write_commit(c));
  REQUIRE(back);
  CHECK(back->through == c.through);
  CHECK_FALSE(back->through.id.empty());
}

TEST_CASE("after a message without an id only what lies behind it is read again") {
  auto job = analysis::job_for(1);
  for (const bool timeless : {false, true}) {
    auto c = nameless(6);
    if (timeless)
      for (auto& m : c.messages) m.timestamp = {};
    auto shorter = c;
    shorter.messages.resize(4);
    const auto first = analysis::prepared(read_again(shorter), {}, job).conversation;
    REQUIRE(first);
    memory::context stored;
    stored.conversation =
        memory::apply_to_record({}, analysis::commit_of(*first, {}, {}, "model"), analysis::time_at(9)).next;
    const auto second = analysis::prepared(read_again(c), stored, job).conversation;
    REQUIRE(second);
    CHECK(texts_of(*second) == analysis::names{"text number 5", "text number 6"});
    CHECK(memory::apply_to_record(stored.conversation, analysis::commit_of(*second, {}, {}, "model"),
                                  analysis::time_at(9))
              .outcome == memory::commit_outcome::stored);
  }
}

TEST_CASE("messages without an id that say the same are told apart") {
  auto c = nameless(6);
  for (auto& m : c.messages) {
    m.timestamp = {};
    m.content = "yes";
  }
  std::set<std::string> ids;
  for (const auto& m : read_again(c).messages) ids.insert(m.id);
  CHECK(ids.size() == 6);
}

TEST_CASE("the whole worker stores a conversation whose messages have no ids, and goes on from there") {
  test::world w;
  for (const int messages : {2, 4}) {
    auto c = nameless(messages);
    c.user_id = "ann";
    w.redis.conversations["s1"] = chat::write_conversation(c);
    amqp::incoming in;
    in.sequence_number = messages;
    in.body = R"({"sessionId":"s1","userId":"ann","chatMessageId":"m1"})";
    in.locked_until = std::chrono::steady_clock::time_point::max();
    w.bus.listener.delivery(std::move(in));
    w.advance(test::seconds{1});
  }
  CHECK(w.bus.settled == test::texts{"2 complete", "4 complete"});
  REQUIRE(w.llm.calls.size() == 2);
  CHECK(w.llm.calls[1].messages.size() == 2);
}
