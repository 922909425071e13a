// Fields that another program or a newer worker keeps in a conversation's record, and its embedding, were
// gone after the first write of a worker that did not know them.
#include <doctest/doctest.h>

#include <filesystem>

#include "cmd/memory-api/sqlite_store.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/forget.hpp"
#include "tests/unit/cosmos/fixture.hpp"

using namespace mw;

namespace {

const std::string stored =
    R"({"id":"s_u","userId":"u","sessionId":"s","summary":"The user asked about bows.",)"
    R"("timestamp":"2026-02-01T08:00:00+00:00","themes":["music"],"persons":[],"places":[],)"
    R"("user_sentiment":"neutral","ttl":-1,"flags":{"beta":true,"tier":2},"_ts":7,)"
    R"("vector_embedding":[0.25,-0.5,0.125],"worker":"{\"v\":1,\"epoch\":0,\"later\":[1,{\"a\":null}]}"})";

memory::commit next_turn(const std::string& summary) {
  auto c = memory::make_commit(0, 2);
  c.summary = summary;
  return c;
}

bool keeps_fields(const std::string& document) {
  for (const char* field :
       {R"("ttl":-1)", R"("flags":{"beta":true,"tier":2})", R"(\"later\":[1,{\"a\":null}])"})
    if (document.find(field) == std::string::npos) return false;
  return document.find("_ts") == std::string::npos;
}

}  // namespace

TEST_CASE("over Cosmos DB foreign fields stay, and the embedding stays with its summary") {
  cosmos::world w;
  w.service().put("conversations", "u", "s_u", stored);
  const auto reply = w.write(next_turn("The user asked about bows."));
  REQUIRE(reply);
  CHECK_FALSE(reply->embedding_dropped);
  const std::string document = memory::write_record(*w.record());
  CHECK(keeps_fields(document));
  CHECK(document.find(R"("vector_embedding":[0.25,-0.5,0.125])") != std::string::npos);
}

TEST_CASE("an embedding goes with its summary, and the reply says so") {
  cosmos::world w;
  w.service().put("conversations", "u", "s_u", stored);
  const auto reply = w.write(next_turn("The user plays the cello."));
  REQUIRE(reply);
  CHECK(reply->embedding_dropped);
  const std::string document = memory::write_record(*w.record());
  CHECK(keeps_fields(document));
  CHECK(document.find(R"("vector_embedding":[])") != std::string::npos);
}

TEST_CASE("over SQLite foreign fields stay, and the embedding stays with its summary") {
  const auto folder = std::filesystem::temp_directory_path() / "mw-foreign-fields";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  {
    auto db = api::sqlite_store::open((folder / "memory.db").string());
    REQUIRE(db);
    auto first = memory::parse_record(stored);
    REQUIRE(first);
    const wall_time now = *parse_iso_time("2026-11-23T12:00:00+00:00");
    REQUIRE((*db)->put_summary(*first, {}, now));
    REQUIRE((*db)->write(next_turn("The user asked about bows."), now));
    auto back = (*db)->read_record("u", "s");
    REQUIRE(back);
    REQUIRE(*back);
    CHECK((*back)->embedding.size() == 3);
    CHECK(keeps_fields(memory::write_record(**back)));
    const auto reply = (*db)->write(
        [] {
          auto c = memory::make_commit(2, 3);
          c.summary = "The user plays the cello.";
          return c;
        }(),
        now);
    REQUIRE(reply);
    CHECK(reply->embedding_dropped);
    back = (*db)->read_record("u", "s");
    CHECK((*back)->embedding.empty());
    CHECK(keeps_fields(memory::write_record(**back)));
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("forgetting everything removes a user's own fields, and the tombstone does not expire") {
  auto p = memory::parse_profile(
      R"({"id":"u","userId":"u","display_name":"Wren","ttl":7776000,"interests":["Plays the cello"]})");
  REQUIRE(p);
  const wall_time now = *parse_iso_time("2026-11-23T12:00:00+00:00");
  const std::string tombstone = memory::write_profile(memory::forget_everything(*p, {}, now));
  CHECK(tombstone.find("display_name") == std::string::npos);
  CHECK(tombstone.find(R"("ttl":-1)") != std::string::npos);
  p->other_fields.clear();
  CHECK(memory::write_profile(memory::forget_everything(*p, {}, now)).find("ttl") == std::string::npos);
}
