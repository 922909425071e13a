// A user or session id with a slash, or too long for Cosmos DB, was held and tried again, and several such
// users opened the memory store's breaker for everybody.
#include <doctest/doctest.h>

#include "cmd/memory-api/handlers.hpp"
#include "protocol/memory_api/http_store.hpp"
#include "tests/unit/cosmos/fixture.hpp"
#include "tests/unit/flow/scene.hpp"

using namespace mw;

namespace {

/// As the user id, and as the session id, each beside a harmless one.
errc read_as(cosmos::world& w, const std::string& user, const std::string& session, std::string& detail) {
  const auto read = w.read(user, session);
  REQUIRE_FALSE(read);
  detail = read.error().detail;
  return read.error().code;
}

}  // namespace

TEST_CASE("an id that Cosmos DB cannot hold is refused before anything is sent, and its field is named") {
  cosmos::world w;
  std::string detail;
  for (const std::string id : {"team/ines", "team\\ines", "ines#2", "ines?", "a\nb", "\x7f", "\xff"}) {
    CAPTURE(id);
    CHECK(read_as(w, id, "s", detail) == errc::not_storable);
    CHECK(detail.find("userId") != std::string::npos);
    CHECK(read_as(w, "u", id, detail) == errc::not_storable);
    CHECK(detail.find("sessionId") != std::string::npos);
  }
  for (const std::string id : {"ines ", ".", "..", ""}) {
    CAPTURE(id);
    CHECK(read_as(w, id, "s", detail) == errc::not_storable);
  }
  const std::string half(512, 'x');
  CHECK(read_as(w, half, half, detail) == errc::not_storable);
  CHECK(detail.find("SESSIONID_USERID") != std::string::npos);
  CHECK(w.count("read") == 0);
}

TEST_CASE("ids that Cosmos DB can hold are stored and read back") {
  cosmos::world w;
  for (const std::string id : {"auth0|61aa", "Zoë Brandt", "用户七", "a+b@example.com"}) {
    CAPTURE(id);
    auto c = memory::make_commit(0, 1);
    c.user_id = c.session_id = id;
    const auto reply = w.write(c);
    REQUIRE(reply);
    const auto back = w.read(id, id);
    REQUIRE(back);
    CHECK(back->conversation);
  }
  // A blank at the end of the session is inside the record's id.
  CHECK(w.read("u", "ines "));
}

TEST_CASE("events of ids that cannot be stored are dead-lettered at once, and the others go on") {
  flow::test::scene s{flow::test::scene::at_once()};
  for (int i = 1; i <= 20; ++i) {
    const std::string n = std::to_string(i);
    s.deliver(i, "s" + n, "u" + n);
    s.fail("s" + n, flow::stage::load, errc::not_storable);
    CHECK(s.outcome(i) == "dead-letter not-storable");
  }
  s.deliver(21, "good", "good");
  s.commit("good");
  CHECK(s.outcome(21) == "complete committed");
}

TEST_CASE("a Memory API over Cosmos DB says so, and only our own kind of answer is taken for it") {
  const auto answer =
      api::problem_of(fail(dependency::memory, errc::not_storable, "userId ends with a space"));
  http::response r;
  r.status = answer.status;
  r.headers = {{"content-type", answer.content_type}};
  r.body = answer.body;
  CHECK(memory_api::failure_of(r).code == errc::not_storable);
  CHECK(memory_api::failure_of(r).detail.find("userId ends with a space") != std::string::npos);
  http::response foreign;
  foreign.status = 422;
  foreign.body = "{}";
  CHECK(memory_api::failure_of(foreign).code == errc::rejected);
}
