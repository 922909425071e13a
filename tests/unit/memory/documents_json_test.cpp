#include "protocol/memory/documents_json.hpp"

#include <doctest/doctest.h>

#include "protocol/memory/forget.hpp"
#include "tests/unit/memory/fixtures.hpp"

using namespace mw::memory;

TEST_CASE("a record survives writing and reading") {
  commit c = make_commit(0, 4);
  c.skipped = {{msg(2), msg(3), "refused", 2, "m9"}};
  c.embedding = {0.25F, -0.1F};
  c.persons = {"Žofie \"Z\""};
  c.used = {1, 2, 3, 4, 5};
  record r = apply_to_record(std::nullopt, c, now).next;
  r.epoch = 7;
  const auto back = parse_record(write_record(r));
  REQUIRE(back);
  CHECK(back->through == msg(4));
  CHECK(back->epoch == 7);
  CHECK(back->summary == r.summary);
  CHECK(back->persons == r.persons);
  CHECK(back->embedding == r.embedding);
  REQUIRE(back->skipped.size() == 1);
  CHECK(back->skipped[0].to == msg(3));
  CHECK(back->skipped[0].attempts == 2);
  CHECK(back->skipped[0].tried == "m9");
  CHECK(back->used.reasoning_tokens == 4);
  CHECK(back->model == "model-1");
  CHECK(write_record(*back) == write_record(r));
}

TEST_CASE("a profile survives writing and reading") {
  commit c = make_commit(0, 4);
  c.operations = {op_add("chess", 1), op_replace("x", "goals\nand aims", 2, category::goals)};
  profile p = apply_to_profile(profile{}, c, now).next;
  p = forget_item(p, category::dislikes, "noise", *mw::parse_iso_time(now)).next;
  p.forgotten_before = now;
  const auto back = parse_profile(write_profile(p));
  REQUIRE(back);
  CHECK(back->lists == p.lists);
  CHECK(back->applied == p.applied);
  CHECK(back->origins.size() == 2);
  CHECK(back->forgotten.size() == 1);
  CHECK(back->revision == p.revision);
  CHECK(write_profile(*back) == write_profile(p));
}

TEST_CASE("marks and the places of evidence survive writing and reading, and hold no text") {
  commit c = make_commit(0, 9);
  c.operations = {op_add("chess", 1), op_replace("chess", "go", 3), op_remove("tea", 5)};
  c.operations[1].said = msg(3).timestamp;
  c.operations[1].place = {7, 21, 0};
  const profile p = apply_to_profile(profile{}, c, now).next;
  REQUIRE(p.marks.size() == 2);
  const std::string text = write_profile(p);
  const auto back = parse_profile(text);
  REQUIRE(back);
  REQUIRE(back->marks.size() == 2);
  CHECK(back->marks[0].hash == p.marks[0].hash);
  CHECK(back->marks[0].place == quote_place{7, 21, 1});
  CHECK(back->marks[0].gone);
  CHECK(back->origins[0].instead_of == p.marks[0].hash);
  CHECK(write_profile(*back) == text);
  const size_t marks = text.find("marks");
  const std::string part = text.substr(marks, text.find("last_operations") - marks);
  CHECK(part.find("tea") == std::string::npos);
  CHECK(part.find("chess") == std::string::npos);
}

TEST_CASE("what a forgotten item was said in survives writing and reading, and holds no text") {
  profile p;
  p.user_id = std::string{"u"};
  p.unsaid = {{"session", "message", "2026-11-23T11:00:00.000000+00:00"}, {"session", {}, {}}};
  const std::string text = write_profile(p);
  const auto back = parse_profile(text);
  REQUIRE(back);
  REQUIRE(back->unsaid.size() == 2);
  CHECK(back->unsaid[0].message_hash == "message");
  CHECK(back->unsaid[0].time == p.unsaid[0].time);
  CHECK(back->other_worker_fields.empty());
  CHECK(write_profile(*back) == text);

  record r;
  r.user_id = std::string{"u"};
  r.session_id = std::string{"s"};
  r.unsaid = p.unsaid[0].time;
  r.anew.emplace();
  const auto same = parse_record(write_record(r));
  REQUIRE(same);
  CHECK(same->unsaid == r.unsaid);
  CHECK(same->anew == watermark{});
  CHECK(same->other_worker_fields.empty());
}

TEST_CASE("fields that we do not know are kept on every write, and go with all that is forgotten") {
  const auto p = parse_profile(
      R"({"id":"u","userId":"u","interests":["chess"],"_etag":"x","nick\"name":{"a":[1,"b"]},"worker":"{\"v\":1,\"epoch\":2,\"later\":[{\"x\":1}]}"})");
  REQUIRE(p);
  CHECK(p->epoch == 2);
  commit c = make_commit(0, 4);
  c.epoch = 2;
  c.operations = {op_add("go", 1)};
  const std::string text = write_profile(apply_to_profile(*p, c, now).next);
  CHECK(text.find(R"("nick\"name":{"a":[1,"b"]})") != std::string::npos);
  CHECK(text.find(R"(\"later\":[{\"x\":1}])") != std::string::npos);
  CHECK(text.find("_etag") == std::string::npos);
  CHECK(write_profile(*parse_profile(text)) == text);
  const std::string tombstone = write_profile(forget_everything(*p, {}, *mw::parse_iso_time(now)));
  CHECK(tombstone.find("nick") == std::string::npos);
  CHECK(tombstone.find("later") == std::string::npos);
}

TEST_CASE("a database indexes one string of ours, whatever we keep in it") {
  commit c = make_commit(0, 4);
  c.operations = {op_add("chess", 1)};
  const std::string json = write_profile(apply_to_profile(profile{}, c, now).next);
  CHECK(json.find("\"worker\":\"{") != std::string::npos);
  CHECK(json.find("\"id\":\"u\"") != std::string::npos);
  const std::string conversation = write_record(apply_to_record(std::nullopt, c, now).next);
  CHECK(conversation.find("\"id\":\"s_u\"") != std::string::npos);
  CHECK(conversation.find("vector_embedding") == std::string::npos);
}

TEST_CASE("documents of the Python worker are adopted") {
  const auto r = parse_record(
      R"({"id":"s_u","userId":"u","sessionId":"s","summary":"Error analyzing conversation","timestamp":"2025-01-01T00:00:00",
          "themes":[],"persons":[],"places":[],"user_sentiment":"mixed","vector_embedding":[],"_etag":"x","_ts":5})");
  REQUIRE(r);
  CHECK(r->summary.empty());
  CHECK_FALSE(has_summary(*r));
  CHECK(r->embedding.empty());
  CHECK_FALSE(r->through);
  CHECK(r->epoch == 0);
  const auto p =
      parse_profile(R"({"id":"u","userId":"u","timestamp":"t","interests":["chess"],"goals":null})");
  REQUIRE(p);
  CHECK(interests(*p) == std::vector<std::string>{"chess"});
  CHECK(p->epoch == 0);
  CHECK(p->applied.empty());
}

TEST_CASE("a damaged document is an error that names the place, never a new user") {
  const auto detail = [](std::string_view json) {
    const auto p = parse_profile(json);
    REQUIRE_FALSE(p);
    CHECK(p.error().code == mw::errc::malformed);
    return p.error().detail;
  };
  CHECK(detail("").find("not JSON") != std::string::npos);
  CHECK(detail("[]").find("is not an object") != std::string::npos);
  CHECK(detail("{}").find("userId is missing") != std::string::npos);
  CHECK(detail(R"({"userId":"u","goals":"x"})").find("goals is not an array") != std::string::npos);
  CHECK(detail(R"({"userId":"u","goals":["a",1]})").find("goals[1]") != std::string::npos);
  CHECK(detail(R"({"userId":"u","worker":{}})").find("worker is not a string") != std::string::npos);
  CHECK(detail(R"({"userId":"u","worker":"{"})").find("worker") != std::string::npos);
  CHECK(detail(R"({"userId":"u","worker":"{\"epoch\":-1}"})").find("epoch") != std::string::npos);
  CHECK_FALSE(parse_record(R"({"userId":"u","sessionId":""})"));
  CHECK_FALSE(parse_record(R"({"userId":"u","sessionId":"s","worker":"{\"status\":\"odd\"}"})"));
}

TEST_CASE("a document with half a character in its escapes is read, with U+FFFD for it") {
  const auto p = parse_profile(R"({"id":"u","userId":"u","timestamp":"","goals":["Wants a \ud83d"]})");
  REQUIRE(p);
  CHECK(p->lists[static_cast<size_t>(category::goals)] == std::vector<std::string>{"Wants a \xEF\xBF\xBD"});
}
