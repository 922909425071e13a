#include <doctest/doctest.h>

#include "cmd/memory-devstack/llm/schema.hpp"

namespace {

using namespace mw::standin;

struct parsed {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  explicit parsed(const std::string& json) { REQUIRE(parser.parse(json).get(root) == simdjson::SUCCESS); }
};

std::string why_refused(const std::string& schema) {
  const parsed p{schema};
  const auto s = check_strict_schema(p.root);
  return s ? std::string{} : s.error().detail;
}

std::string object_with(const std::string& property_schema) {
  return R"({"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":)" +
         property_schema + "}}";
}

constexpr const char* analysis_schema = R"({"type":"object","additionalProperties":false,
  "required":["summary","themes","user_sentiment","operations","score","flag","note","meta","kind"],
  "properties":{"summary":{"type":"string"},"themes":{"type":"array","items":{"type":"string"}},
  "user_sentiment":{"type":"string","enum":["positive","neutral","negative"]},
  "operations":{"type":"array","items":{"$ref":"#/$defs/op"}},
  "score":{"type":"number"},"flag":{"type":"boolean"},"note":{"type":["string","null"]},
  "meta":{"anyOf":[{"type":"null"},{"type":"object","additionalProperties":false,"required":["n"],"properties":{"n":{"type":"integer"}}}]},
  "kind":{"const":"analysis"}},
  "$defs":{"op":{"type":"object","additionalProperties":false,"required":["op","category","item","replaces","message","quote"],
  "properties":{"op":{"type":"string","enum":["add","replace","remove"]},"category":{"type":"string"},"item":{"type":"string"},
  "replaces":{"type":["string","null"]},"message":{"type":"string"},"quote":{"type":"string"}}}}})";

TEST_CASE("A schema of the strict subset is accepted") {
  CHECK(why_refused(analysis_schema).empty());
}

TEST_CASE("What strict mode does not know is refused and the place is named") {
  CHECK(why_refused(R"({"anyOf":[{"type":"object"}]})").find("anyOf") != std::string::npos);
  CHECK(why_refused(R"({"type":"array","items":{"type":"string"}})").find("\"object\"") != std::string::npos);
  CHECK(why_refused(object_with(R"({"type":"string","maxLength":5})")).find("context=(a), 'maxLength'") !=
        std::string::npos);
  CHECK(why_refused(object_with(R"({"type":"array","items":{"type":"string"},"maxItems":5})"))
            .find("maxItems") != std::string::npos);
  CHECK(why_refused(object_with(R"({"type":"array"})")).find("items") != std::string::npos);
  CHECK(why_refused(object_with(R"({"$ref":"#/$defs/none"})")).find("does not exist") != std::string::npos);
  CHECK(why_refused(object_with(R"({})")).find("type") != std::string::npos);
  CHECK(why_refused(R"({"type":"object","properties":{},"required":[]})").find("additionalProperties") !=
        std::string::npos);
  CHECK(
      why_refused(
          R"({"type":"object","additionalProperties":false,"required":[],"properties":{"b":{"type":"string"}}})")
          .find("'b'") != std::string::npos);
  CHECK(why_refused(R"({"type":"object","additionalProperties":false,"required":["c"],"properties":{}})")
            .find("'c'") != std::string::npos);
  std::string deep = R"({"type":"string"})";
  for (int i = 0; i < 7; ++i) deep = object_with(deep);
  CHECK(why_refused(deep).find("deeper") != std::string::npos);
}

TEST_CASE("An answer has every property of the schema, findings where the names ask for them") {
  const parsed schema{analysis_schema};
  transcript t;
  t.lines.push_back({"m7", true, true, "I like tea."});
  findings f;
  f.summary = "A \"quoted\" summary";
  f.themes = {"tea"};
  f.sentiment = "positive";
  f.operations = {{"add", "interests", "Likes tea", "", 0, "I like tea"}};
  const parsed answer{fill_schema(schema.root, t, f)};
  CHECK(std::string_view{answer.root["summary"]} == "A \"quoted\" summary");
  CHECK(std::string_view{answer.root["themes"].at(0)} == "tea");
  CHECK(std::string_view{answer.root["user_sentiment"]} == "positive");
  const auto op = answer.root["operations"].at(0);
  CHECK(std::string_view{op["op"]} == "add");
  CHECK(std::string_view{op["message"]} == "m7");
  CHECK(std::string_view{op["quote"]} == "I like tea");
  CHECK(op["replaces"].is_null());
  CHECK(answer.root["score"].is_number());
  CHECK(answer.root["flag"].is_bool());
  CHECK(answer.root["note"].is_string());
  CHECK(int64_t{answer.root["meta"]["n"]} == 0);
  CHECK(std::string_view{answer.root["kind"]} == "analysis");
}

TEST_CASE("A message number is given as the schema wants it") {
  const parsed schema{object_with(R"({"type":"integer"})")};
  CHECK(fill_schema(schema.root, {}, {}) == R"({"a":0})");
  const parsed numbered{
      R"({"type":"object","additionalProperties":false,"required":["operations"],"properties":{"operations":
    {"type":"array","items":{"type":"object","additionalProperties":false,"required":["message"],"properties":{"message":{"type":"integer"}}}}}})"};
  transcript t;
  t.lines.push_back({"m12", true, true, "x"});
  findings f;
  f.operations = {{"add", "goals", "x", "", 0, "x"}};
  CHECK(fill_schema(numbered.root, t, f) == R"({"operations":[{"message":12}]})");
}

TEST_CASE("A schema that refers to itself ends") {
  const parsed schema{
      R"({"type":"object","additionalProperties":false,"required":["next"],"properties":{"next":{"$ref":"#"}}})"};
  CHECK(check_strict_schema(schema.root).has_value());
  CHECK_FALSE(fill_schema(schema.root, {}, {}).empty());
}

}  // namespace
