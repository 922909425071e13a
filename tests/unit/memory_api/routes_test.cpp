#include <doctest/doctest.h>

#include "cmd/memory-api/edits.hpp"
#include "cmd/memory-api/options.hpp"
#include "protocol/memory_api/commit_json.hpp"
#include "tests/unit/memory_api/harness.hpp"

using namespace mw;
using namespace mw::memory_api;

namespace {
const std::string lists_of_u = R"({"userId":"u","updates":{"goals":["run a marathon"]}})";

bool has(const http::server_response& r, std::string_view text) {
  return r.body.find(text) != std::string::npos;
}

std::string commit_about_a_goal(memory::op_kind op, std::string_view item, std::string session,
                                std::string said) {
  auto c = commit_over("u", std::move(session), 0, 4);
  c.profile_existed = true;
  c.operations = {
      {op, memory::category::goals, std::string{item}, "", "quote", c.span.front(), std::move(said), {}}};
  return write_commit(c);
}
}  // namespace

TEST_CASE("an unknown user has nine empty lists, and nothing to forget") {
  routes api;
  const auto r = api.ask("GET", "/api/memory/users/nobody/memories");
  CHECK(r.status == 200);
  for (const char* name : {"output_preferences", "personal_preferences", "assistant_preferences", "knowledge",
                           "interests", "dislikes", "family_and_friends", "work_profile", "goals"})
    CHECK(has(r, std::string{"\""} + name + "\":[]"));
  CHECK(has(r, "\"last_updated\":null"));
  CHECK(api.ask("DELETE", "/api/memory/users/nobody/memories").status == 404);
  CHECK(api.ask("GET", "/api/memory/users/nobody/conversations").body == "[]");
  CHECK(api.ask("GET", "/api/memory/users/nobody/conversations/s").status == 404);
}

TEST_CASE("forgetting everything answers as the original did, and leaves nothing to read") {
  routes api;
  REQUIRE(api.ask("POST", "/internal/user-memory", lists_of_u).status == 201);
  REQUIRE(api.ask("POST", "/internal/commit", write_commit(commit_over("u", "s", 0, 4))).status == 200);
  const auto r = api.ask("DELETE", "/api/memory/users/u/memories");
  CHECK(r.status == 200);
  CHECK(has(r, "\"status\":\"success\""));
  CHECK(has(r, "\"message\""));
  CHECK_FALSE(has(api.ask("GET", "/api/memory/users/u/memories"), "marathon"));
  CHECK(api.ask("GET", "/api/memory/users/u/conversations").body == "[]");
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories").status == 404);
}

TEST_CASE("one item and one conversation can be forgotten") {
  routes api;
  REQUIRE(api.ask("POST", "/internal/user-memory", lists_of_u).status == 201);
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories/goals?item=Run+a%20MARATHON").status == 200);
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories/goals?item=run").status == 404);
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories/goals").status == 400);
  CHECK(has(api.ask("DELETE", "/api/memory/users/u/memories/hobbies?item=x"), "work_profile"));
  REQUIRE(api.ask("POST", "/internal/commit", write_commit(commit_over("u", "s", 0, 4))).status == 200);
  CHECK(api.ask("DELETE", "/api/memory/users/u/conversations/s").status == 200);
  CHECK(api.ask("DELETE", "/api/memory/users/u/conversations/s").status == 404);
}

TEST_CASE("an entity tag protects against writing over somebody else's change") {
  routes api;
  const auto first = api.ask("POST", "/internal/user-memory", lists_of_u);
  const auto tag = header_of(first, "ETag");
  CHECK(header_of(api.ask("GET", "/api/memory/users/u/memories"), "ETag") == tag);
  CHECK(api.ask("POST", "/internal/user-memory", lists_of_u, {{"if-none-match", "*"}}).status == 412);
  CHECK(api.ask("POST", "/internal/user-memory", lists_of_u, {{"if-match", tag}}).status == 200);
  CHECK(api.ask("POST", "/internal/user-memory", lists_of_u, {{"if-match", tag}}).status == 412);
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories", {}, {{"if-match", tag}}).status == 412);
  CHECK(api.ask("DELETE", "/api/memory/users/u/memories", {}, {{"if-match", "*"}}).status == 200);
}

TEST_CASE("a summary written from outside keeps what the worker knows about the conversation") {
  routes api;
  REQUIRE(api.ask("POST", "/internal/commit", write_commit(commit_over("u", "s", 0, 4))).status == 200);
  const std::string body =
      R"({"userId":"u","sessionId":"s","summary":"Better words.","themes":["x"],"user_sentiment":"positive"})";
  CHECK(api.ask("POST", "/internal/conversation-memory", body).status == 200);
  const auto r = api.ask("GET", "/api/memory/users/u/conversations/s");
  CHECK(has(r, "Better words."));
  CHECK(has(r, "\"through\":{\"id\":\"m4\""));
}

TEST_CASE("an embedding goes with the summary it was made of, and whoever writes the new one is told") {
  memory::record stored;
  stored.summary = "They talked.";
  stored.embedding = {0.5F, 0.25F};
  auto next = stored;
  next.embedding.clear();
  CHECK(api::merge_summary(next, stored, std::nullopt, {}).embedding == stored.embedding);
  CHECK_FALSE(api::loses_embedding(stored, api::merge_summary(next, stored, std::nullopt, {})));
  next.summary = "Better words.";
  CHECK(api::loses_embedding(stored, api::merge_summary(next, stored, std::nullopt, {})));
  next.embedding = {0.75F, 0.5F};
  CHECK_FALSE(api::loses_embedding(stored, api::merge_summary(next, stored, std::nullopt, {})));
  CHECK_FALSE(api::loses_embedding(std::nullopt, next));
}

TEST_CASE("an item put into a list by hand leaves the other lists, in any spelling") {
  routes api;
  REQUIRE(api.ask("POST", "/internal/user-memory",
                  R"({"userId":"u","updates":{"interests":["Tea.","Chess"],"dislikes":["Rain"]}})")
              .status == 201);
  REQUIRE(api.ask("POST", "/internal/user-memory", R"({"userId":"u","updates":{"dislikes":["tea","Rain"]}})")
              .status == 200);
  const auto r = api.ask("GET", "/api/memory/users/u/memories");
  CHECK(has(r, R"("interests":["Chess"])"));
  CHECK(has(r, R"("dislikes":["tea","Rain"])"));
}

TEST_CASE("search answers with the fields of the original and a relevance") {
  routes api;
  auto c = commit_over("u", "s", 0, 4);
  c.operations = {addition("chess at night", 1)};
  REQUIRE(api.ask("POST", "/internal/commit", write_commit(c)).status == 200);
  const auto r = api.ask("POST", "/api/memory/users/u/conversations/search", R"({"query":"summary"})");
  CHECK(r.status == 200);
  for (const char* name : {"sessionId", "summary", "timestamp", "themes", "persons", "places",
                           "user_sentiment", "relevance_score"})
    CHECK(has(r, std::string{"\""} + name + "\":"));
  const auto items =
      api.ask("POST", "/api/memory/users/u/memories/search", R"({"query":"CHESS club","limit":1})");
  CHECK(has(items, "\"item\":\"chess at night\""));
  CHECK(has(items, "\"relevance_score\":0.5"));
}

TEST_CASE("every bad request is answered with what is wrong and how to mend it") {
  struct bad {
    const char* method;
    std::string target;
    std::string body;
    int status;
    const char* says;
  };
  const std::string users = "/api/memory/users/u";
  const std::vector<bad> table{
      {"GET", "/", "", 404, "no such route"},
      {"GET", "/api/memory/users//memories", "", 400, "userId"},
      {"GET", "/api/memory/users/a%01b/memories", "", 400, "control character"},
      {"GET", "/api/memory/users/" + std::string(513, 'x') + "/memories", "", 400, "512"},
      {"PUT", users + "/memories", "", 405, "GET, DELETE"},
      {"POST", users + "/conversations/search", "", 400, "not JSON"},
      {"POST", users + "/conversations/search", "[]", 400, "not an object"},
      {"POST", users + "/conversations/search", R"({"query":7})", 400, "query is not a string"},
      {"POST", users + "/conversations/search", R"({"query":""})", 400, "query is empty"},
      {"POST", users + "/conversations/search", R"({"query":"x","limit":0})", 400, "1 to 100"},
      {"POST", users + "/conversations/search", R"({"query":"x","limit":-1})", 400, "limit"},
      {"GET", users + "/conversations?limit=many", "", 400, "limit"},
      {"GET", "/internal/context?userId=u", "", 400, "sessionId"},
      {"POST", "/internal/user-memory", R"({"userId":"u"})", 400, "updates is missing"},
      {"POST", "/internal/user-memory", R"({"userId":"u","updates":{}})", 400, "at least one category"},
      {"POST", "/internal/user-memory", R"({"userId":"u","updates":{"goals":[" "]}})", 400, "goals[0]"},
      {"POST", "/internal/user-memory", R"({"userId":"u","updates":{"goals":"x"}})", 400, "goals"},
      {"POST", "/internal/user-memory", R"({"userId":"u","updates":{"goals":["a"],"goals":0}})", 400,
       "twice"},
      {"POST", "/internal/conversation-memory", R"({"userId":"u","sessionId":"s"})", 400, "summary"},
      {"POST", "/internal/conversation-memory",
       R"({"userId":"u","sessionId":"s","summary":"Failed to analyze conversation"})", 400, "error text"},
      {"POST", "/internal/commit", R"({"userId":"u","sessionId":"s","through":{"id":"m"}})", 400, "span"},
      {"POST", "/internal/commit",
       R"({"userId":"u","sessionId":"s","through":{"id":"m"},"span":[{"id":"x"}]})", 400, "span"},
  };
  const routes api;
  for (const auto& b : table) {
    CAPTURE(b.target);
    CAPTURE(b.body);
    const auto r = api.ask(b.method, b.target, b.body);
    CHECK(r.status == b.status);
    CHECK(r.content_type == "application/problem+json");
    CHECK(has(r, b.says));
  }
}

TEST_CASE("with a token only health answers strangers") {
  const routes api{"secret"};
  CHECK(api.ask("GET", "/health").status == 200);
  const auto r = api.ask("GET", "/api/memory/users/u/memories");
  CHECK(r.status == 401);
  CHECK(header_of(r, "WWW-Authenticate") == "Bearer");
  const auto with = [&](const char* header) {
    return api.ask("GET", "/api/memory/users/u/memories", {}, {{"authorization", header}}).status;
  };
  CHECK(with("Bearer secret") == 200);
  CHECK(with("Bearer secre") == 401);
  CHECK(with("Bearer secrets") == 401);
  CHECK(with("secret") == 401);
}

TEST_CASE("browsers are let in from the configured origins only, never with credentials") {
  const routes open;
  const routes closed{"", {"https://chat.example"}};
  const auto allowed = [](const routes& api, const char* origin) {
    const auto r = api.ask("OPTIONS", "/api/memory/users/u/memories", {}, {{"origin", origin}});
    CHECK(r.status == 204);
    CHECK(header_of(r, "Access-Control-Allow-Credentials").empty());
    return header_of(r, "Access-Control-Allow-Origin");
  };
  CHECK(allowed(open, "https://any.example") == "*");
  CHECK(allowed(closed, "https://chat.example") == "https://chat.example");
  CHECK(allowed(closed, "https://evil.example").empty());
}

TEST_CASE("a body that is not declared as JSON is refused") {
  const routes api;
  const auto r = api.ask("POST", "/internal/user-memory", lists_of_u, {{"content-type", "text/plain"}});
  CHECK(r.status == 415);
}

TEST_CASE("flags beat the environment, and what is wrong is named") {
  const std::map<std::string, std::string> variables{{"PORT", "9000"}, {"MEMORY_API_TOKEN", "secret"}};
  const auto environment = [&](const char* name) {
    const auto it = variables.find(name);
    return it == variables.end() ? std::string{} : it->second;
  };
  CHECK(api::read_options({}, environment)->port == 9000);
  CHECK(api::read_options({}, environment)->token == "secret");
  CHECK(api::read_options({"--port", "0", "--data=x.db"}, environment)->port == 0);
  CHECK(api::read_options({"--auth", "none"}, environment)->token.empty());
  const auto refusal = [](std::vector<std::string> arguments) {
    const auto o = api::read_options(arguments, [](const char*) { return std::string{}; });
    REQUIRE_FALSE(o);
    return o.error().detail;
  };
  CHECK(refusal({"--port", "70000"}).find("--port") != std::string::npos);
  CHECK(refusal({"--auth", "token"}).find("MEMORY_API_TOKEN") != std::string::npos);
  CHECK(refusal({"--dta", "x"}).find("--dta") != std::string::npos);
  CHECK(refusal({"--data"}).find("needs a value") != std::string::npos);
}

TEST_CASE("what a whole new list left out comes back by newer evidence only") {
  routes api;
  REQUIRE(api.ask("POST", "/internal/user-memory", R"({"userId":"u","updates":{"goals":["run","swim"]}})")
              .status == 201);
  REQUIRE(api.ask("POST", "/internal/user-memory", R"({"userId":"u","updates":{"goals":["swim"]}})").status ==
          200);
  const auto heard = [&](const std::string& session, const std::string& said) {
    const auto r =
        api.ask("POST", "/internal/commit", commit_about_a_goal(memory::op_kind::add, "Run", session, said));
    CHECK(r.status == 200);
    return has(r, "\"operationsOutdated\":1");
  };
  CHECK(heard("s1", "2020-01-01T00:00:00Z"));
  CHECK_FALSE(has(api.ask("GET", "/api/memory/users/u/memories"), "Run"));
  CHECK_FALSE(heard("s2", "2099-01-01T00:00:00Z"));
  CHECK(has(api.ask("GET", "/api/memory/users/u/memories"), "Run"));
}

TEST_CASE("what a person set by hand is not removed by what was said before") {
  routes api;
  REQUIRE(api.ask("POST", "/internal/user-memory", R"({"userId":"u","updates":{"goals":["run"]}})").status ==
          201);
  const auto remove = [&](const std::string& session, const std::string& said) {
    const auto c = commit_about_a_goal(memory::op_kind::remove, "run", session, said);
    CHECK(api.ask("POST", "/internal/commit", c).status == 200);
    return !has(api.ask("GET", "/api/memory/users/u/memories"), "run");
  };
  CHECK_FALSE(remove("s1", "2020-01-01T00:00:00Z"));
  CHECK(remove("s2", "2099-01-01T00:00:00Z"));
}
