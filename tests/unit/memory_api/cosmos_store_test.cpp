// The routes over Cosmos DB: the same requests as over SQLite, against the strict stand-in.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "cmd/memory-api/cosmos_store.hpp"
#include "cmd/memory-api/options.hpp"
#include "cmd/memory-devstack/cosmos/service.hpp"
#include "protocol/cosmos/signing.hpp"
#include "protocol/http/url.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory_api/commit_json.hpp"
#include "tests/unit/memory_api/harness.hpp"

using namespace mw;
using namespace mw::memory_api;
using memory::commit_outcome;

namespace {

constexpr std::string_view key = "c2VjcmV0LW9mLXRoZS1zdGFuZC1pbi1hY2NvdW50LTAwMDE=";

/// The routes over a Cosmos DB account of its own.
class cosmos_routes {
 public:
  cosmos_routes() : account_(options()) {
    auto server =
        http::server::start({}, [this](const http::server_request& r) { return account_.handle(r); });
    REQUIRE(server);
    server_ = std::move(*server);
    cosmos::store_options to;
    to.account.endpoint = fmt::format("http://127.0.0.1:{}", server_->port());
    to.account.database = "memory";
    to.account.key = key;
    auto store = api::cosmos_store::open(std::move(to));
    REQUIRE(store);
    store_ = std::move(*store);
    service_ = std::make_unique<api::service>(*store_, log_,
                                              api::service_options{{}, {"*"}, [this] { return now; }});
  }

  http::server_response ask(std::string_view method, std::string_view path, std::string_view body = {},
                            std::vector<std::pair<std::string, std::string>> headers = {}) {
    http::server_request r;
    r.method = method;
    const size_t mark = path.find('?');
    if (mark != std::string_view::npos) r.query = path.substr(mark + 1);
    path = path.substr(0, mark);
    r.path = path;
    for (size_t at = 1; at <= path.size();) {
      const size_t slash = std::min(path.find('/', at), path.size());
      r.segments.push_back(http::percent_decode(path.substr(at, slash - at)).value_or(""));
      at = slash + 1;
    }
    r.headers = std::move(headers);
    r.headers.emplace_back("content-type", "application/json");
    r.body = body;
    return service_->handle(r);
  }
  commit_outcome commit(const memory::commit& c) {
    const auto answer = ask("POST", "/internal/commit", write_commit(c));
    REQUIRE(answer.status == 200);
    return parse_reply(answer.body)->outcome;
  }
  cosmos_standin::service& account() { return account_; }
  wall_time now = *parse_iso_time("2026-11-23T12:00:00+00:00");

 private:
  static cosmos_standin::service_options options() {
    cosmos_standin::service_options o;
    o.who.key = *cosmos::decode_key(key);
    o.database = "memory";
    return o;
  }
  cosmos_standin::service account_;
  std::unique_ptr<http::server> server_;
  std::unique_ptr<api::cosmos_store> store_;
  api::log log_{log_level::error};
  std::unique_ptr<api::service> service_;
};

memory::commit about(std::string session, std::string interest, std::string summary) {
  auto c = commit_over("u", std::move(session), 0, 4);
  c.operations = {addition(std::move(interest), 2)};
  c.summary = std::move(summary);
  c.themes = {"Leisure"};
  return c;
}

bool holds(const http::server_response& r, std::string_view text) {
  return r.body.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("cosmos: what the worker commits is what the user's routes show") {
  cosmos_routes api;
  CHECK(api.ask("GET", "/health").status == 200);
  auto unknown = api.ask("GET", "/api/memory/users/u/memories");
  CHECK(unknown.status == 200);
  CHECK(holds(unknown, R"("interests":[])"));
  CHECK(api.commit(about("s1", "chess", "They played chess.")) == commit_outcome::stored);
  CHECK(api.commit(about("s1", "chess", "They played chess.")) == commit_outcome::covered);
  const auto memories = api.ask("GET", "/api/memory/users/u/memories");
  CHECK(holds(memories, R"("interests":["chess"])"));
  CHECK_FALSE(header_of(memories, "ETag").empty());
  CHECK(holds(api.ask("GET", "/api/memory/users/u/conversations/s1"), "They played chess."));
  CHECK(api.ask("GET", "/api/memory/users/u/conversations/s2").status == 404);
  const auto context = parse_context(api.ask("GET", "/internal/context?userId=u&sessionId=s1").body);
  REQUIRE(context);
  CHECK(context->conversation->through == position(4));
  CHECK_FALSE(context->user->etag.empty());
}

TEST_CASE("cosmos: conversations are listed newest first over every page of the query") {
  cosmos_routes api;
  for (int i = 0; i < 230; ++i) {
    memory::record r;
    r.user_id = std::string{"u"};
    r.session_id = fmt::format("s{}", i);
    r.summary = fmt::format("Talk number {}.", i);
    r.timestamp = fmt::format("2026-11-{:02}T10:{:02}:00+00:00", 1 + i / 60, i % 60);
    api.account().put("conversations", "u", memory::record_id(r.session_id, "u"), memory::write_record(r));
  }
  const auto page = api.ask("GET", "/api/memory/users/u/conversations?limit=2&offset=1");
  CHECK(page.status == 200);
  CHECK(page.body.find("Talk number 228.") < page.body.find("Talk number 227."));
  CHECK_FALSE(holds(page, "Talk number 229."));
  CHECK_FALSE(holds(page, "Talk number 226."));
}

TEST_CASE("cosmos: searches find words in summaries, lists and items, case apart") {
  cosmos_routes api;
  api.commit(about("s1", "chess", "They talked about the Lisbon trip."));
  api.commit(about("s2", "sailing", "A recipe for bread."));
  const auto found =
      api.ask("POST", "/api/memory/users/u/conversations/search", R"({"query":"LISBON hotel"})");
  CHECK(found.status == 200);
  CHECK(holds(found, R"("sessionId":"s1")"));
  CHECK(holds(found, R"("relevance_score":0.5)"));
  CHECK_FALSE(holds(found, R"("sessionId":"s2")"));
  CHECK(holds(api.ask("POST", "/api/memory/users/u/conversations/search", R"({"query":"leisure"})"),
              R"("sessionId":"s2")"));
  CHECK(api.ask("POST", "/api/memory/users/u/conversations/search", R"({"query":"quantum"})").body == "[]");
  CHECK(holds(api.ask("POST", "/api/memory/users/u/memories/search", R"({"query":"sail"})"),
              R"("item":"sailing")"));
}

TEST_CASE("cosmos: forgetting everything leaves a tombstone and no record, and work in flight is dropped") {
  cosmos_routes api;
  api.commit(about("s1", "chess", "One."));
  api.commit(about("s2", "tea", "Two."));
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories").status == 200);
  CHECK(api.account().count("conversations") == 0);
  CHECK(api.account().count("user-memories") == 1);
  CHECK(holds(api.ask("GET", "/api/memory/users/u/memories"), R"("interests":[])"));
  auto late = about("s3", "chess", "Three.");
  late.profile_existed = true;
  CHECK(api.commit(late) == commit_outcome::forgotten);
  CHECK(api.account().count("conversations") == 0);
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories").status == 404);
}

TEST_CASE("cosmos: forgetting wins even over the first commit of a user nobody knew yet") {
  cosmos_routes api;
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories").status == 404);
  CHECK(api.commit(about("s1", "chess", "One.")) == commit_outcome::forgotten);
  CHECK(api.account().count("conversations") == 0);
}

TEST_CASE("cosmos: a forget that dies after its tombstone has forgotten") {
  cosmos_routes api;
  api.commit(about("s1", "chess", "One."));
  cosmos_standin::fault_rule broken;
  broken.on = std::string{"query"};
  broken.status = 400;
  api.account().add_fault(broken);
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories").status >= 400);
  api.account().clear_faults();
  CHECK(api.ask("GET", "/api/memory/users/u/conversations").body == "[]");
  CHECK(api.account().count("conversations") == 0);
}

TEST_CASE("cosmos: forgetting a conversation takes its own items along, and forgetting an item only that") {
  cosmos_routes api;
  api.commit(about("s1", "chess", "One."));
  auto second = about("s2", "tea", "Two.");
  second.profile_existed = true;
  api.commit(second);
  CHECK(api.ask("DELETE", "/api/memory/users/u/conversations/s1").status == 200);
  CHECK(api.ask("GET", "/api/memory/users/u/conversations/s1").status == 404);
  CHECK(holds(api.ask("GET", "/api/memory/users/u/memories"), R"("interests":["tea"])"));
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories/interests?item=TEA").status == 200);
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories/interests?item=TEA").status == 404);
  CHECK(holds(api.ask("GET", "/api/memory/users/u/memories"), R"("interests":[])"));
  CHECK(api.ask("GET", "/api/memory/users/u/conversations/s2").status == 200);
}

TEST_CASE("cosmos: whole lists and summaries are written under If-Match") {
  cosmos_routes api;
  const auto made = api.ask("POST", "/internal/user-memory", R"({"userId":"u","updates":{"goals":["run"]}})");
  CHECK(made.status == 201);
  const std::string etag = header_of(made, "ETag");
  CHECK(api.ask("POST", "/internal/user-memory", R"({"userId":"u","updates":{"goals":["swim"]}})",
                {{"if-match", etag}})
            .status == 200);
  CHECK(api.ask("POST", "/internal/user-memory", R"({"userId":"u","updates":{"goals":["fly"]}})",
                {{"if-match", etag}})
            .status == 412);
  CHECK(holds(api.ask("GET", "/api/memory/users/u/memories"), R"("goals":["swim"])"));
  const std::string summary =
      R"({"userId":"u","sessionId":"s","summary":"By hand.","themes":[],"persons":[],"places":[],"user_sentiment":"neutral"})";
  CHECK(api.ask("POST", "/internal/conversation-memory", summary).status == 201);
  CHECK(api.ask("POST", "/internal/conversation-memory", summary, {{"if-none-match", "*"}}).status == 412);
  CHECK(api.ask("POST", "/internal/conversation-memory", summary).status == 200);
}

TEST_CASE("cosmos: what the account answers becomes an answer that names it") {
  cosmos_routes api;
  cosmos_standin::fault_rule rule;
  rule.status = 429;
  rule.retry_after_ms = 4'000;
  rule.next = 1;
  api.account().add_fault(rule);
  const auto throttled = api.ask("GET", "/api/memory/users/u/memories");
  CHECK(throttled.status == 429);
  CHECK(header_of(throttled, "Retry-After-Ms") == "4000");
  rule = {};
  rule.status = 403;
  rule.next = 1;
  api.account().add_fault(rule);
  CHECK(api.ask("GET", "/api/memory/users/u/memories").status == 502);
  CHECK(api.ask("GET", "/api/memory/users/a%2Fb/memories").status == 422);
  rule.status = 404;
  rule.on = std::string{"container"};
  api.account().add_fault(rule);
  const auto ill = api.ask("GET", "/health");
  CHECK(ill.status == 503);
  CHECK(holds(ill, "COSMOS_DATABASE_NAME"));
}

TEST_CASE("the original's environment chooses Cosmos DB, a data file or --store sqlite chooses SQLite") {
  const auto options = [](std::vector<std::string> arguments, bool endpoint) {
    return api::read_options(arguments, [endpoint](const char* name) -> std::string {
      if (std::string_view{name} == "COSMOS_ENDPOINT")
        return endpoint ? "https://a.documents.azure.com:443/" : "";
      if (std::string_view{name} == "COSMOS_CONVERSATIONS_CONTAINER_NAME") return "talks";
      return {};
    });
  };
  const auto chosen = options({}, true);
  REQUIRE(chosen);
  CHECK(chosen->store == api::store_kind::cosmos);
  CHECK(chosen->cosmos.database == "memory");
  CHECK(chosen->cosmos.conversations == "talks");
  CHECK(chosen->cosmos.user_memories == "user-memories");
  CHECK(options({}, false)->store == api::store_kind::sqlite);
  CHECK(options({"--data", "x.db"}, true)->store == api::store_kind::sqlite);
  CHECK(options({"--store", "sqlite"}, true)->store == api::store_kind::sqlite);
  CHECK(options({"--store=cosmos"}, true)->store == api::store_kind::cosmos);
  CHECK(options({"--store", "cosmos"}, false).error().detail ==
        "--store cosmos needs the account in the environment: set COSMOS_ENDPOINT");
  CHECK(options({"--store", "oracle"}, false).error().code == errc::misconfigured);
}
