#include <doctest/doctest.h>

#include "protocol/memory/documents_json.hpp"
#include "protocol/memory_api/commit_json.hpp"
#include "protocol/memory_api/http_store.hpp"

using namespace mw;
using namespace mw::memory_api;

namespace {
memory::commit full_commit() {
  memory::commit c;
  c.user_id = std::string{"user \"1\""};
  c.session_id = std::string{"s/ü"};
  c.epoch = 3;
  c.profile_existed = true;
  c.forgotten_before = "2026-11-23T10:00:00.000000+00:00";
  c.unsaid = "2026-11-23T10:30:00.000000+00:00";
  c.anew = true;
  c.anew_to = memory::watermark{"m0", "t0"};
  c.base = memory::watermark{"m1", "t1"};
  c.through = {"m3", "t3"};
  c.span = {{"m2", "t2"}, {"m3", "t3"}};
  c.summary = "Two lines\nof text";
  c.themes = {"a", "b"};
  c.persons = {"Žofie"};
  c.places = {"Brno"};
  c.user_sentiment = memory::sentiment::negative;
  c.embedding = {0.5F, -1.25F};
  c.operations = {{memory::op_kind::replace,
                   memory::category::goals,
                   "new",
                   "old",
                   "quote",
                   {"m2", "t2"},
                   "t9",
                   {3, 4, 0}}};
  c.skipped = {{{"m2", "t2"}, {"m2", "t2"}, "refused", 2}};
  c.retried = {{{"m0", "t0"}, {"m1", "t1"}}};
  c.keep_summary = true;
  c.model = "model-1";
  c.used = {1, 2, 3, 4, 5};
  return c;
}

http::response answer(int status, std::string body = {}, std::string type = "application/problem+json") {
  http::response r;
  r.status = status;
  r.headers = {{"content-type", std::move(type)}};
  r.body = std::move(body);
  return r;
}
}  // namespace

TEST_CASE("a commit survives the wire whole") {
  const auto back = parse_commit(write_commit(full_commit()));
  REQUIRE(back);
  CHECK(write_commit(*back) == write_commit(full_commit()));
  CHECK(back->base == full_commit().base);
  CHECK(back->unsaid == full_commit().unsaid);
  CHECK(back->anew);
  CHECK(back->anew_to == full_commit().anew_to);
  // That there was no wish is not what an older worker says, which says nothing.
  auto plain = full_commit();
  plain.unsaid.emplace();
  CHECK(parse_commit(write_commit(plain))->unsaid == std::string{});
  plain.unsaid.reset();
  CHECK_FALSE(parse_commit(write_commit(plain))->unsaid);
  CHECK(back->operations[0].replaces == "old");
  CHECK(back->operations[0].said == "t9");
  CHECK(back->operations[0].place == memory::quote_place{3, 4, 0});
  CHECK(back->retried[0].to.id == "m1");
  CHECK(back->forgotten_before == full_commit().forgotten_before);
  CHECK(back->keep_summary);
  CHECK(back->embedding == full_commit().embedding);
}

TEST_CASE("a commit that cannot be understood is refused with the field's name") {
  const auto detail = [](std::string_view json) {
    const auto c = parse_commit(json);
    REQUIRE_FALSE(c);
    return c.error().detail;
  };
  CHECK(detail("{").find("not JSON") != std::string::npos);
  CHECK(detail(R"({"sessionId":"s","through":{"id":"m"}})").find("userId") != std::string::npos);
  CHECK(detail(R"({"userId":"u","sessionId":"s"})").find("through") != std::string::npos);
  CHECK(detail(R"({"userId":"u","sessionId":"s","through":{"id":""}})").find("through.id") !=
        std::string::npos);
  CHECK(detail(R"({"userId":"u","sessionId":"s","through":{"id":"m"},"operations":[{"op":"merge"}]})")
            .find("operations[0].op") != std::string::npos);
}

TEST_CASE("a reply survives the wire, an unknown outcome does not pass") {
  const auto back = parse_reply(write_reply({memory::commit_outcome::reload, 3, 4, 2, 1}));
  REQUIRE(back);
  CHECK(back->outcome == memory::commit_outcome::reload);
  CHECK(back->operations_applied == 3);
  CHECK(back->operations_dropped == 4);
  CHECK(back->operations_outdated == 2);
  CHECK(back->items_evicted == 1);
  CHECK_FALSE(parse_reply(R"({"outcome":"perhaps"})"));
  CHECK_FALSE(parse_reply("{}"));
}

TEST_CASE("a context carries documents with their etags, and nothing for a new user") {
  memory::profile p;
  p.user_id = std::string{"u"};
  p.epoch = 2;
  const auto c = parse_context(write_context("", "", memory::write_profile(p), "\"7\""));
  REQUIRE(c);
  CHECK_FALSE(c->conversation);
  REQUIRE(c->user);
  CHECK(c->user->epoch == 2);
  CHECK(c->user->etag == "\"7\"");
  const auto empty = parse_context(write_context("", "", "", ""));
  REQUIRE(empty);
  CHECK_FALSE(empty->user);
}

TEST_CASE("an answer that is not a context never passes for a new user") {
  CHECK_FALSE(parse_context("{}"));
  CHECK_FALSE(parse_context("<html>"));
  CHECK_FALSE(parse_context(R"({"conversation":null})"));
  CHECK_FALSE(parse_context(R"({"conversation":null,"profile":{"userId":""}})"));
}

TEST_CASE("every status of a Memory API has its meaning") {
  const std::vector<std::pair<int, errc>> table{
      {400, errc::rejected},   {401, errc::unauthorized},  {403, errc::forbidden},
      {404, errc::not_found},  {405, errc::not_found},     {408, errc::overloaded},
      {409, errc::conflict},   {412, errc::conflict},      {413, errc::too_large},
      {415, errc::rejected},   {422, errc::not_storable},  {429, errc::throttled},
      {500, errc::overloaded}, {502, errc::overloaded},    {503, errc::overloaded},
      {504, errc::overloaded}, {302, errc::misconfigured}, {204, errc::malformed}};
  for (const auto& row : table) {
    const int code = row.first;
    const errc expected = row.second;
    CAPTURE(code);
    const failure f = failure_of(answer(code));
    CHECK(f.code == expected);
    CHECK(f.from == dependency::memory);
    CHECK(f.detail.find(std::to_string(code)) != std::string::npos);
  }
  // Another program's 422 is about what was written.
  CHECK(failure_of(answer(422, "{}", "application/json")).code == errc::rejected);
}

TEST_CASE("a failure repeats a problem's detail but never any other body") {
  CHECK(failure_of(answer(400, R"({"detail":"through is missing"})")).detail.find("through is missing") !=
        std::string::npos);
  CHECK(
      failure_of(answer(422, R"({"detail":"I live in Prague"})", "application/json")).detail.find("Prague") ==
      std::string::npos);
}

TEST_CASE("throttling tells how long to wait") {
  auto r = answer(429);
  r.headers.emplace_back("retry-after", "3");
  CHECK(failure_of(r).retry_after == std::chrono::seconds{3});
}
