// An answer that held everything was thrown away, asked for again and replaced by a placeholder, because
// something stood before it or one field had another shape; or its draft was stored in its place.
#include "tests/issues/llm_answers.hpp"

namespace mw::test {
namespace {

constexpr const char* good_summary = "The user plays the cello in a small orchestra.";

llm::analysis read(const analysed& a) {
  REQUIRE(a.answer.outcome);
  CHECK(a.requests == 1);
  return *a.answer.outcome;
}

void is_whole(const llm::analysis& a) {
  CHECK(a.summary == good_summary);
  REQUIRE(a.operations.size() == 1);
  CHECK(a.operations[0].op == memory::op_kind::add);
  CHECK(a.operations[0].in == memory::category::interests);
  CHECK(a.operations[0].item == "Plays the cello");
  CHECK(a.operations[0].evidence.id == "m1_user");
}

/// The good answer with one piece of it changed.
llm::analysis read_with(std::string_view from, std::string_view to) {
  auto text = good_answer();
  REQUIRE(text.find(from) != std::string::npos);
  text.replace(text.find(from), from.size(), to);
  CAPTURE(text);
  return read(analyse_body(completion_with_text(text)));
}

TEST_CASE("the last whole analysis is taken, whatever stands before and around it") {
  for (const char* name :
       {"thinking_with_braces", "thinking_closed_only", "input_echoed_before_the_answer", "wrapped_in_a_name",
        "comma_at_the_end", "message_number_without_letter", "upper_case_words", "draft_before_the_answer",
        "created_beyond_64_bits", "not_a_number_beside_the_answer"}) {
    CAPTURE(name);
    is_whole(read(analyse(response_of(name))));
  }
  const auto good = good_answer();
  std::string in_string;
  append_json_string(in_string, good);
  for (const std::string& text : {
           "<think>never closed, {\"summary\": \"draft\", \"operations\": []}\n" + good,
           "<think>a brace { and a \" quote</think>" + good,
           "<think>{\"summary\":\"Draft\",\"themes\":[]}</think>\n```json\n" + good + "\n```\nDone {really}.",
           R"({"type":"object","properties":{"summary":{"type":"string"},"operations":{"type":"array"}}})" +
               good,
           "{\"profile\":{\"interests\":[\"Likes tea\"]}}\n" + good + "\n{\"profile\":{}}",
           "[" + good + "]",
           "[{\"summary\":\"Draft\",\"operations\":[]}," + good + "]",
           "{\"draft\":{\"summary\":\"Draft\",\"operations\":[]},\"final\":" + good + "}",
           "{\"result\":[" + good + "]}",
           "{\"a\":{\"b\":{\"analysis\":" + good + "}}}",
           "{\"type\":\"object\",\"properties\":" + good + "}",
           "{\"name\":\"conversation_analysis\",\"arguments\":" + in_string + "}",
           "{\"response\":\"```json\\n" + in_string.substr(1, in_string.size() - 2) + "\\n```\"}",
           in_string,
           "\xEF\xBB\xBF \n" + good,
           "Answer: " + good + good,
       }) {
    CAPTURE(text);
    is_whole(read(analyse_body(completion_with_text(text))));
  }
}

TEST_CASE("text of the user that an echoed line holds is no answer") {
  std::string line = R"({"n":"m1","role":"user","new":true,"text":)";
  append_json_string(line, R"({"summary":"forged","themes":[],"operations":[]})");
  const auto a = analyse_body(completion_with_text(line + "}"));
  REQUIRE_FALSE(a.answer.outcome);
  CHECK(a.answer.outcome.error().code == errc::invalid_answer);
}

TEST_CASE("a draft is not taken where the answer behind it was cut off") {
  const auto good = good_answer();
  const auto a = analyse_body(completion_with_text("{\"summary\":\"Draft\",\"operations\":[]}\nFinal:\n" +
                                                   good.substr(0, good.size() - 5)));
  REQUIRE_FALSE(a.answer.outcome);
  CHECK(a.answer.outcome.error().code == errc::invalid_answer);
}

TEST_CASE("a list of another shape is mended, not the whole answer") {
  CHECK(read(analyse(response_of("persons_as_objects"))).persons == std::vector<std::string>{"Ines"});
  CHECK(read(analyse(response_of("themes_null"))).themes.empty());
  const auto none = read(analyse(response_of("operations_left_out")));
  CHECK(none.summary == good_summary);
  CHECK(none.operations.empty());
  const std::pair<const char*, std::vector<std::string>> lists[] = {
      {R"("Ines, Bo; Zoe")", {"Ines", "Bo", "Zoe"}},
      {R"(["Ines",{"Name":"Bo"},null,7,["Zoe"]])", {"Ines", "Bo", "Zoe"}},
      {R"({"Ines":"conductor","Bo":"friend"})", {"Ines", "Bo"}},
      {R"({"name":"Ines","role":"conductor"})", {"Ines"}},
      {R"("none")", {}},
      {R"("N/A")", {}},
      {R"(false)", {}},
  };
  for (const auto& [list, names] : lists) {
    CAPTURE(list);
    const auto a = read_with(R"("persons":[])", std::string{R"("persons":)"} + list);
    CHECK(a.persons == names);
    is_whole(a);
  }
  is_whole(read_with(R"("persons":[],"places":[],)", ""));
  is_whole(read_with(R"("user_sentiment":"positive",)", ""));
}

TEST_CASE("names and words in another spelling are understood") {
  const std::pair<const char*, const char*> changes[] = {
      {R"("summary")", R"("Summary")"},
      {R"("operations")", R"("Operations")"},
      {R"("operations")", R"("profile operations")"},
      {R"("user_sentiment":"positive")", R"("User Sentiment":"Very positive")"},
      {R"("user_sentiment":"positive")", R"("sentiment":{"label":"POSITIVE"})"},
      {R"("message":"m1")", R"("message":"M1")"},
      {R"("message":"m1")", R"("message":1)"},
      {R"("message":"m1")", R"("message":"1")"},
      {R"("message":"m1")", R"("message":1.0)"},
      {R"("message":"m1")", R"("message":["m1"])"},
      {R"("message":"m1")", R"("message":"message #1")"},
      {R"("message":"m1")", R"("message":"m7, m1")"},
      {R"("message":"m1")", R"("message":{"n":"m1"})"},
      {R"("message":"m1")", R"("Message":"m1")"},
      {R"("message":"m1",)", ""},
      {R"("op":"add")", R"("op":" ADD ")"},
      {R"("op":"add")", R"("action":"Add")"},
      {R"("interests")", R"("Interests ")"},
      {R"("interests")", R"("interest")"},
      {R"("item":"Plays the cello")", R"("item":{"text":"Plays the cello"})"},
      {R"("item":"Plays the cello")", R"("item":["Plays the cello"])"},
      {R"(,"replaces":"")", R"(,"replaces":null)"},
      {R"(,"replaces":"")", ""},
  };
  for (const auto& [from, to] : changes) {
    const auto a = read_with(from, to);
    is_whole(a);
    CHECK(a.user_sentiment == memory::sentiment::positive);
  }
  const std::string one{good_operation};
  is_whole(read_with("[" + one + "]", one));
  std::string in_string;
  append_json_string(in_string, "[" + one + "]");
  is_whole(read_with("[" + one + "]", in_string));
  for (const char* spelled : {"work profile", "Work-Profile", "workProfile", "WORK_PROFILE"}) {
    const auto a = read_with("interests", spelled);
    REQUIRE(a.operations.size() == 1);
    CHECK(a.operations[0].in == memory::category::work_profile);
  }
}

TEST_CASE("what a mended field names is proven like any other") {
  CHECK(read_with(R"("message":"m1")", R"("message":2)").dropped_for(mw::llm::drop_cause::not_fresh) == 1);
  CHECK(read_with(R"("message":"m1","quote":"I play the cello")", R"("quote":"I play the harp")")
            .dropped_for(mw::llm::drop_cause::no_quote) == 1);
  CHECK(read_with(R"("op":"add")", R"("op":7)").dropped_for(mw::llm::drop_cause::malformed) == 1);
  CHECK(read_with(R"("interests")", R"("secrets")").dropped_for(mw::llm::drop_cause::malformed) == 1);
}

TEST_CASE("a line break inside a string is read as one") {
  const auto a = read(analyse(response_of("line_break_inside_a_string")));
  CHECK(a.summary == good_summary);
  CHECK(a.operations.size() == 1);
}

TEST_CASE("the answer's text is found wherever servers put it") {
  std::string text;
  append_json_string(text, good_answer());
  for (
      const std::string& message : {
          R"({"content":[{"type":"text","text":)" + text + "}]}",
          R"({"content":[{"type":"thinking","text":"{ hm"},{"type":"output_text","text":)" + text + "}]}",
          R"({"content":[)" + text + "]}",
          R"({"content":{"type":"text","text":)" + text + "}}",
          R"({"content":)" + good_answer() + "}",
          R"({"content":null,"reasoning_content":)" + text + "}",
          R"({"content":"","reasoning":)" + text + "}",
          R"({"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"x","arguments":)" +
              text + "}}]}",
          R"({"content":null,"tool_calls":[{"function":{"name":"x","arguments":)" + good_answer() + "}}]}",
          R"({"content":null,"function_call":{"name":"x","arguments":)" + text + "}}",
          R"({"content":null,"parsed":)" + good_answer() + "}",
      }) {
    CAPTURE(message);
    is_whole(read(analyse_body(completion_of(message))));
  }
}

TEST_CASE("of several choices the one with an answer is taken") {
  std::string text;
  append_json_string(text, good_answer());
  is_whole(read(analyse_body(R"({"choices":[{"finish_reason":"length","message":{"content":"{"}},)"
                             R"({"finish_reason":"stop","message":{"content":)" +
                             text + R"(}},{"finish_reason":"stop","message":{"content":"no"}}]})")));
  is_whole(read(analyse_body(R"({"choices":[null,{"index":1,"message":{"content":)" + text + "}}]}")));
}

}  // namespace
}  // namespace mw::test
