#include <doctest/doctest.h>

#include "protocol/base/json_writer.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/forget.hpp"
#include "tests/unit/cosmos/fixture.hpp"

using namespace mw;
using namespace mw::cosmos;
using cosmos_standin::fault_kind;
using memory::commit_outcome;

namespace {

const wall_time noon = *parse_iso_time("2026-11-23T12:00:00+00:00");
using names = std::vector<std::string>;

memory::commit talk(int base, int through, const std::string& interest) {
  auto c = memory::make_commit(base, through);
  c.operations = {memory::op_add(interest, through)};
  c.profile_existed = base > 0;
  return c;
}

/// What the worker does with a job: load, then commit what was analysed beyond what is stored.
result<memory::commit_reply> work_off(world& w, int through, const std::string& interest) {
  const auto stored = w.read();
  if (!stored) return stored.error();
  int base = 0;
  if (stored->conversation && stored->conversation->through)
    base = std::stoi(stored->conversation->through->id.substr(1));
  if (base >= through) return memory::commit_reply{commit_outcome::covered, 0, 0};
  auto c = talk(base, through, interest);
  c.profile_existed = stored->user.has_value();
  c.epoch = stored->user ? stored->user->epoch : 0;
  return w.write(c);
}

/// As the Python worker writes it.
std::string python_record(std::string_view summary) {
  std::string text;
  json_writer{text}
      .begin_object()
      .field("id", "s_u")
      .field("userId", "u")
      .field("sessionId", "s")
      .field("summary", summary)
      .field("timestamp", "2025-11-01T10:00:00.000000")
      .strings("themes", names{"gardening"})
      .strings("persons", names{"Ann"})
      .strings("places", names{})
      .field("user_sentiment", "positive")
      .key("vector_embedding")
      .begin_array()
      .end_array()
      .end_object();
  return text;
}

std::string python_profile() {
  std::string text;
  json_writer out{text};
  out.begin_object().field("id", "u").field("userId", "u").field("timestamp", "2025-11-01T10:00:00.000000");
  for (size_t i = 0; i < memory::category_count; ++i)
    out.strings(to_string(static_cast<memory::category>(i)), i == 4 ? names{"tulips"} : names{});
  out.end_object();
  return text;
}

}  // namespace

TEST_CASE("a first commit creates both documents with the original's fields, and reads them back") {
  world w;
  const auto nothing = w.read();
  REQUIRE(nothing);
  CHECK_FALSE(nothing->conversation);
  CHECK_FALSE(nothing->user);
  auto c = talk(0, 2, "chess");
  c.embedding = {0.25F, -0.5F};
  const auto reply = w.write(c);
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::stored);
  CHECK(reply->operations_applied == 1);
  const auto stored = w.read();
  REQUIRE(stored);
  CHECK(stored->conversation->through == memory::msg(2));
  CHECK(stored->conversation->embedding == c.embedding);
  CHECK_FALSE(stored->conversation->etag.empty());
  CHECK(memory::interests(*stored->user) == names{"chess"});
  const std::string body = w.service().stored("conversations", "u", "s_u");
  CHECK(body.find(R"("id":"s_u","userId":"u","sessionId":"s","summary":)") != std::string::npos);
  CHECK(body.find(R"("worker":"{)") != std::string::npos);
}

TEST_CASE("without an embedding none is written, and without operations no profile") {
  world w;
  REQUIRE(w.write(memory::make_commit(0, 2)));
  CHECK(w.service().stored("conversations", "u", "s_u").find("vector_embedding") == std::string::npos);
  CHECK(w.service().count("user-memories") == 0);
  CHECK(w.count("create") == 1);
}

TEST_CASE("the same commit again is covered and changes nothing") {
  world w;
  REQUIRE(w.write(talk(0, 2, "chess")));
  const auto record = w.record()->timestamp;
  auto again = talk(0, 2, "chess");
  again.profile_existed = true;
  const auto reply = w.write(again);
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::covered);
  CHECK(w.record()->timestamp == record);
  CHECK(w.count("replace") == 0);
}

TEST_CASE("documents of the Python worker are adopted: read, written over, their items kept") {
  world w;
  w.service().put("conversations", "u", "s_u", python_record("They planted tulips."));
  w.service().put("user-memories", "u", "u", python_profile());
  const auto stored = w.read();
  REQUIRE(stored);
  CHECK(stored->conversation->summary == "They planted tulips.");
  CHECK_FALSE(stored->conversation->through);
  CHECK(stored->conversation->embedding.empty());
  CHECK(memory::interests(*stored->user) == names{"tulips"});
  auto c = talk(0, 2, "chess");
  c.profile_existed = true;
  const auto reply = w.write(c);
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::stored);
  CHECK(w.record()->through == memory::msg(2));
  CHECK(memory::interests(*w.profile()) == names{"tulips", "chess"});
  CHECK(w.count("create") == 0);
}

TEST_CASE("a placeholder summary of the Python worker counts as absent and gives way even to defaults") {
  world w;
  w.service().put("conversations", "u", "s_u", python_record("Error analyzing conversation"));
  CHECK(w.read()->conversation->summary.empty());
  auto c = memory::make_commit(0, 2);
  c.defaults = true;
  c.summary = std::string{"No summary could be made."};
  REQUIRE(w.write(c));
  CHECK(w.record()->summary == "No summary could be made.");
  CHECK(w.record()->status == memory::record_status::defaults);
}

TEST_CASE("wherever the commit dies, the next one ends with one summary and each fact once") {
  // Requests of a job: two reads, the profile, the record, the look after a create.
  for (const auto kind : {fault_kind::cut, fault_kind::lost_response, fault_kind::answer})
    for (uint64_t survived = 0; survived < 6; ++survived) {
      CAPTURE(survived);
      CAPTURE(static_cast<int>(kind));
      world w;
      REQUIRE(work_off(w, 2, "tea"));
      w.service().add_fault(trouble(kind, "", 2 + survived, 0));
      const auto died = work_off(w, 4, "chess");
      if (survived < 2) CHECK_FALSE(died);
      w.service().clear_faults();
      const auto reply = work_off(w, 4, "chess");
      REQUIRE(reply);
      CHECK((reply->outcome == commit_outcome::stored || reply->outcome == commit_outcome::covered));
      CHECK(w.record()->through == memory::msg(4));
      CHECK(w.record()->used.calls == 2);
      CHECK(memory::interests(*w.profile()) == names{"tea", "chess"});
      CHECK(w.profile()->revision == 2);
      CHECK(w.profile()->applied.at("s") == memory::msg(4));
    }
}

TEST_CASE("the same for a first commit: create-if-absent never overwrites") {
  for (const auto kind : {fault_kind::cut, fault_kind::lost_response})
    for (uint64_t survived = 0; survived < 6; ++survived) {
      CAPTURE(survived);
      CAPTURE(static_cast<int>(kind));
      world w;
      w.service().add_fault(trouble(kind, "", 2 + survived, 0));
      static_cast<void>(work_off(w, 2, "chess"));
      w.service().clear_faults();
      REQUIRE(work_off(w, 2, "chess"));
      CHECK(w.record()->through == memory::msg(2));
      CHECK(w.record()->used.calls == 1);
      CHECK(memory::interests(*w.profile()) == names{"chess"});
    }
}

TEST_CASE("a lost answer to a write is found out within the same commit") {
  // A connection cut before any byte is mended by the HTTP client, which sends the request again.
  for (const int64_t cut_after : {0, 40})
    for (const std::string container : {"user-memories", "conversations"})
      for (const std::string operation : {"create", "replace"}) {
        CAPTURE(container);
        CAPTURE(operation);
        world w;
        const bool first = operation == "create";
        if (!first) REQUIRE(work_off(w, 2, "tea"));
        auto lost = trouble(fault_kind::lost_response, operation);
        lost.container = container;
        lost.cut_after = cut_after;
        w.service().add_fault(lost);
        const auto reply = work_off(w, 4, "chess");
        REQUIRE(reply);
        CHECK(reply->outcome == commit_outcome::stored);
        CHECK(reply->operations_applied == 1);
        CHECK(w.record()->through == memory::msg(4));
        CHECK(w.record()->used.calls == (first ? 1 : 2));
        CHECK(w.profile()->revision == (first ? 1 : 2));
      }
}

TEST_CASE("a profile that another session changed meanwhile keeps both changes") {
  world* here = nullptr;
  bool done = false;
  world_options o;
  o.before = [&](std::string_view operation, std::string_view container) {
    if (done || here == nullptr || operation != "replace" || container != "user-memories") return;
    done = true;
    auto other = *here->profile();
    other.lists[4].emplace_back("sailing");
    ++other.revision;
    here->service().put("user-memories", "u", "u", memory::write_profile(other));
  };
  world w{o};
  REQUIRE(work_off(w, 2, "tea"));
  here = &w;
  const auto reply = work_off(w, 4, "chess");
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::stored);
  CHECK(memory::interests(*w.profile()) == names{"tea", "sailing", "chess"});
}

TEST_CASE("a record that another worker moved on meanwhile is left alone") {
  world* here = nullptr;
  bool done = false;
  world_options o;
  o.before = [&](std::string_view operation, std::string_view container) {
    if (done || here == nullptr || operation != "replace" || container != "conversations") return;
    done = true;
    auto other = *here->record();
    other.through = memory::msg(9);
    other.summary = std::string{"By the other worker."};
    here->service().put("conversations", "u", "s_u", memory::write_record(other));
  };
  world w{o};
  REQUIRE(work_off(w, 2, "tea"));
  here = &w;
  const auto reply = work_off(w, 4, "chess");
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::covered);
  CHECK(w.record()->summary == "By the other worker.");
}

TEST_CASE("two first commits at once: one creates, the other decides on what is there then") {
  world* here = nullptr;
  bool done = false;
  world_options o;
  o.before = [&](std::string_view operation, std::string_view container) {
    if (done || here == nullptr || operation != "create" || container != "conversations") return;
    done = true;
    memory::record other;
    other.user_id = std::string{"u"};
    other.session_id = std::string{"s"};
    other.summary = std::string{"By the other worker."};
    other.through = memory::msg(5);
    here->service().put("conversations", "u", "s_u", memory::write_record(other));
  };
  world w{o};
  here = &w;
  const auto reply = w.write(memory::make_commit(0, 2));
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::covered);
  CHECK(w.record()->summary == "By the other worker.");
}

TEST_CASE("writers without end are a conflict, after a bounded number of tries") {
  world* here = nullptr;
  world_options o;
  o.before = [&](std::string_view operation, std::string_view container) {
    if (here == nullptr || operation != "replace" || container != "user-memories") return;
    here->service().put("user-memories", "u", "u", memory::write_profile(*here->profile()));
  };
  world w{o};
  REQUIRE(work_off(w, 2, "tea"));
  here = &w;
  const auto reply = work_off(w, 4, "chess");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::conflict);
  CHECK(w.count("replace") == 8);
}

TEST_CASE("a profile that vanished between load and commit counts as forgotten") {
  world w;
  REQUIRE(work_off(w, 2, "tea"));
  w.service().put("user-memories", "u", "u", {});
  const auto reply = w.write(talk(2, 4, "chess"));
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::forgotten);
  CHECK_FALSE(w.profile());
}

TEST_CASE("a forget before, between and after the writes of a commit wins") {
  // The tombstone is written before the nth request that a commit sends.
  for (int at = 1; at <= 6; ++at) {
    CAPTURE(at);
    world* here = nullptr;
    int seen = 0;
    world_options o;
    o.before = [&](std::string_view, std::string_view) {
      if (here == nullptr || ++seen != at) return;
      const auto tombstone = memory::forget_everything(*here->profile(), {}, noon);
      here->service().put("user-memories", "u", "u", memory::write_profile(tombstone));
      here->service().put("conversations", "u", "s_u", {});
      here->service().put("conversations", "u", "t_u", {});
    };
    world w{o};
    REQUIRE(work_off(w, 2, "tea"));
    auto c = talk(0, 4, "chess");  // the first of another session: it creates its record
    c.session_id = std::string{"t"};
    c.profile_existed = true;
    here = &w;
    const auto reply = w.write(c);
    REQUIRE(reply);
    here = nullptr;
    if (seen < at) continue;
    CHECK(w.profile()->epoch == 1);
    CHECK(w.profile()->empty());
    const auto after = w.read("u", "t");
    REQUIRE(after);
    CHECK_FALSE(after->conversation);
  }
}

TEST_CASE("a record of a lower epoch is invisible, and deleted on sight") {
  world w;
  REQUIRE(work_off(w, 2, "tea"));
  w.service().put("user-memories", "u", "u",
                  memory::write_profile(memory::forget_everything(*w.profile(), {}, noon)));
  const auto seen = w.read();
  REQUIRE(seen);
  CHECK_FALSE(seen->conversation);
  CHECK(seen->user->empty());
  // The deletion is sent along; a commit of the new epoch finds the place free or takes it.
  auto c = memory::make_commit(0, 3);
  c.epoch = 1;
  c.profile_existed = true;
  c.through.timestamp = c.span.back().timestamp = "2026-11-23T13:00:00+00:00";
  c.forgotten_before = w.profile()->forgotten_before;
  const auto reply = w.write(c);
  REQUIRE(reply);
  CHECK(reply->outcome == commit_outcome::stored);
  CHECK(w.record()->epoch == 1);
}

TEST_CASE("a record that a commit stored after its session was forgotten is invisible too") {
  world w;
  REQUIRE(work_off(w, 2, "tea"));
  const auto marked = memory::forget_session(*w.profile(), "s", std::nullopt, noon).next;
  w.service().put("user-memories", "u", "u", memory::write_profile(marked));
  CHECK_FALSE(w.read()->conversation);
}

TEST_CASE("a damaged document, or somebody else's, never passes for a new user") {
  world w;
  w.service().put("user-memories", "u", "u", R"({"id":"u","userId":"u","interests":"no list"})");
  CHECK(w.read().error().code == errc::malformed);
  w.service().put("user-memories", "u", "u", R"({"id":"u","userId":"v"})");
  const auto strange = w.read();
  REQUIRE_FALSE(strange);
  CHECK(strange.error().detail == "Cosmos DB answered with somebody else's profile");
}
