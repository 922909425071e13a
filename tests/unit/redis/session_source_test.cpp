#include "protocol/redis/session_source.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/redis/fixture.hpp"

using namespace redis_test;
using namespace std::chrono_literals;
using mw::redis::session_source;

namespace {

constexpr size_t cap = 1'000;

void admit_at_once(size_t, const session_source::permission_fn& answer) {
  answer(true);
}

result<std::string> read(connection& c, const std::string& session, session_source::admit_fn admit) {
  std::promise<result<std::string>> text;
  session_source source{c.client()};
  source.read(session, cap, std::move(admit), [&](result<std::string> r) { text.set_value(std::move(r)); });
  return take(text.get_future());
}

}  // namespace

TEST_CASE("session source: reads the text and asks for its bytes first") {
  server redis;
  connection c{redis.options()};
  const std::string text(cap, 'x');
  CHECK(c.text({"SET", "session:s1", text}) == "OK");
  size_t asked = 0;
  const auto r = read(c, "s1", [&](size_t bytes, const session_source::permission_fn& answer) {
    asked = bytes;
    answer(true);
  });
  REQUIRE(r);
  CHECK(*r == text);
  CHECK(asked == cap);
}

TEST_CASE("session source: no such conversation, and nothing is asked for it") {
  server redis;
  connection c{redis.options()};
  CHECK(c.text({"SET", "session:empty", ""}) == "OK");
  bool asked = false;
  const auto admit = [&](size_t, const session_source::permission_fn& answer) {
    asked = true;
    answer(true);
  };
  for (const std::string id : {"none", "empty"}) {
    const auto r = read(c, id, admit);
    REQUIRE_FALSE(r);
    CHECK(r.error().code == errc::conversation_missing);
    CHECK(names(r.error().detail, "session:" + id));
  }
  CHECK_FALSE(asked);
}

TEST_CASE("session source: too large names both sizes and reads nothing") {
  server redis;
  connection c{redis.options()};
  CHECK(c.text({"SET", "session:big", std::string(cap + 1, 'x')}) == "OK");
  bool asked = false;
  const auto r = read(c, "big", [&](size_t, const session_source::permission_fn&) { asked = true; });
  REQUIRE_FALSE(r);
  CHECK(r.error().code == errc::too_large);
  CHECK(names(r.error().detail, "1001"));
  CHECK(names(r.error().detail, "1000"));
  CHECK_FALSE(asked);
}

TEST_CASE("session source: the permission may come later from another thread, or never be granted") {
  server redis;
  connection c{redis.options()};
  CHECK(c.text({"SET", "session:s", "text"}) == "OK");
  std::thread later;
  const auto granted = read(c, "s", [&](size_t, session_source::permission_fn answer) {
    later = std::thread{[answer = std::move(answer)] { answer(true); }};
  });
  later.join();
  REQUIRE(granted);
  CHECK(*granted == "text");
  const auto refused =
      read(c, "s", [](size_t, const session_source::permission_fn& answer) { answer(false); });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::cancelled);
}

TEST_CASE("session source: what changes between the size and the text is judged again") {
  server redis;
  connection c{redis.options()};
  connection other{redis.options()};
  const auto meanwhile = [&](args argv) {
    CHECK(c.text({"SET", "session:s", "text"}) == "OK");
    return read(c, "s",
                [&other, argv = std::move(argv)](size_t, const session_source::permission_fn& answer) {
                  CHECK(other.call(argv));
                  answer(true);
                });
  };
  CHECK(meanwhile({"DEL", "session:s"}).error().code == errc::conversation_missing);
  CHECK(meanwhile({"SET", "session:s", std::string(cap + 1, 'x')}).error().code == errc::too_large);
  CHECK(*meanwhile({"SET", "session:s", "longer text"}) == "longer text");
}

TEST_CASE("session source: a key that holds no string is a malformed conversation") {
  server redis;
  connection c{redis.options()};
  CHECK(c.call({"LPUSH", "session:list", "x"}));
  const auto r = read(c, "list", admit_at_once);
  REQUIRE_FALSE(r);
  CHECK(r.error().code == errc::conversation_malformed);
}

TEST_CASE("session source: a permission that comes after the connection was given up ends as cancelled") {
  server redis;
  connection c{redis.options()};
  CHECK(c.text({"SET", "session:s", "text"}) == "OK");
  std::promise<session_source::permission_fn> asked;
  std::promise<result<std::string>> text;
  {
    session_source source{c.client()};
    source.read(
        "s", cap, [&](size_t, session_source::permission_fn answer) { asked.set_value(std::move(answer)); },
        [&](result<std::string> r) { text.set_value(std::move(r)); });
  }
  const auto answer = take(asked.get_future());
  c.stop();
  answer(true);
  CHECK(take(text.get_future()).error().code == errc::cancelled);
}

TEST_CASE("session source: a lost connection is not a missing conversation") {
  server redis;
  connection c{redis.options()};
  CHECK(c.opened());
  redis.kill_now();
  CHECK(c.closed().code == errc::connection_lost);
  CHECK(read(c, "s", admit_at_once).error().code == errc::connection_lost);
}
