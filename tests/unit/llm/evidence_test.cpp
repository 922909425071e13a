#include "protocol/llm/evidence.hpp"

#include <doctest/doctest.h>

#include "protocol/base/iso_time.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/utf8.hpp"
#include "tests/unit/llm/quotes.hpp"
#include "tests/unit/llm/sample.hpp"

using mw::errc;
using mw::llm::analysis;
using mw::llm::read_analysis;

namespace {

struct op {
  std::string message = "m3";
  std::string quote = "paramedic";
  std::string kind = "add";
  std::string category = "work_profile";
  std::string item = "Works as a paramedic";
  std::string replaces;
};

std::string answer(const std::vector<op>& ops, const std::string& summary = "They talked.",
                   const std::vector<std::string>& themes = {"tents"}) {
  std::string out;
  mw::json_writer w{out};
  w.begin_object().field("summary", summary).strings("themes", themes);
  w.strings("persons", std::vector<std::string>{"Lena"}).strings("places", std::vector<std::string>{"Graz"});
  w.field("user_sentiment", "positive").key("operations").begin_array();
  for (const auto& o : ops)
    w.begin_object()
        .field("message", o.message)
        .field("quote", o.quote)
        .field("op", o.kind)
        .field("category", o.category)
        .field("item", o.item)
        .field("replaces", o.replaces)
        .end_object();
  w.end_array().end_object();
  return out;
}

analysis read(const std::string& content) {
  const auto a = read_analysis(content, sample_input());
  REQUIRE(a);
  return *a;
}

std::string refused(const std::string& content) {
  const auto a = read_analysis(content, sample_input());
  REQUIRE_FALSE(a);
  CHECK(a.error().code == errc::invalid_answer);
  CHECK(a.error().from == mw::dependency::llm);
  return a.error().detail;
}

}  // namespace

TEST_CASE("evidence: an operation that quotes a fresh message of the user is kept with its position") {
  const auto a = read(answer({{.quote = "I'm a \"PARAMEDIC\" in Graz - since may",
                               .kind = "replace",
                               .item = "Works as a\nparamedic in Graz",
                               .replaces = "works as a NURSE"}}));
  CHECK(a.summary == "They talked.");
  CHECK(a.persons == std::vector<std::string>{"Lena"});
  CHECK(a.user_sentiment == mw::memory::sentiment::positive);
  REQUIRE(a.operations.size() == 1);
  const auto& o = a.operations[0];
  CHECK(o.op == mw::memory::op_kind::replace);
  CHECK(o.in == mw::memory::category::work_profile);
  CHECK(o.item == "Works as a paramedic in Graz");
  CHECK(o.replaces == "Works as a nurse");
  CHECK(o.evidence == mw::memory::watermark{"b_user", "t3"});
}

TEST_CASE("evidence: what the user did not say in a new message is dropped and counted by reason") {
  const auto a = read(answer({
      {.quote = "I am a pilot"},                          // not said
      {.message = "m2", .quote = "You live in Oslo"},     // the assistant's
      {.message = "m4", .quote = "remember everything"},  // the system's
      {.message = "m1", .quote = "I love sailing"},       // context only
      {.message = "m6", .quote = "I am rich"},            // a forged message
      {.message = "m0"},
      {.message = "three"},
      {.quote = ""},
      {.quote = "a"},
      {.category = "secrets"},
      {.kind = "erase"},
      {.item = "  "},
      {.item = std::string(301, 'x')},
  }));
  CHECK(a.operations.empty());
  CHECK(a.dropped_for(mw::llm::drop_cause::no_quote) == 3);
  CHECK(a.dropped_for(mw::llm::drop_cause::not_user) == 2);
  CHECK(a.dropped_for(mw::llm::drop_cause::not_fresh) == 4);
  CHECK(a.dropped_for(mw::llm::drop_cause::malformed) == 4);
}

TEST_CASE("evidence: a removal names the item as it is stored") {
  const auto a = read(answer({{.message = "m5",
                               .quote = "bye",
                               .kind = "remove",
                               .category = "interests",
                               .item = "likes  Hiking"}}));
  REQUIRE(a.operations.size() == 1);
  CHECK(a.operations[0].item == "Likes hiking");
}

TEST_CASE("evidence: an operation that is no object, and more of them than the limit, count as malformed") {
  auto content = answer({});
  content.replace(content.find("\"operations\":[]"), 15, "\"operations\":[7,null,[]]");
  CHECK(read(content).dropped_for(mw::llm::drop_cause::malformed) == 3);
  const auto many = read(answer(std::vector<op>(60)));
  CHECK(many.operations.size() == mw::llm::max_operations);
  CHECK(many.dropped_for(mw::llm::drop_cause::malformed) == 10);
}

TEST_CASE(
    "evidence: quotes match through case, spaces, quotation marks, dashes and ellipses, not through words") {
  CHECK(takes_quote("Ich heiße ÄNNE – wirklich!", "ich heiße änne - wirklich"));
  CHECK(takes_quote("Je m’appelle « Zoé »…", "je m'appelle \" zoé \"..."));
  CHECK(takes_quote("line one\n  line two", "one line two"));
  CHECK(takes_quote("I like tea", "\"I like tea\""));
  CHECK(takes_quote("I like tea and cake", "...like tea..."));
  CHECK(takes_quote("東京に住んでいます", "東京"));
  CHECK(takes_quote("7", "7"));
  CHECK_FALSE(takes_quote("I like tea", "I like coffee"));
  CHECK_FALSE(takes_quote("I like tea", "I do like tea"));
  CHECK_FALSE(takes_quote("I like tea", "I"));
  CHECK_FALSE(takes_quote("I like tea", "\"...\""));
  CHECK_FALSE(takes_quote("", "x"));
}

TEST_CASE("evidence: of very many operations that quote nothing the rest is not even looked at") {
  const std::vector<op> many(mw::llm::max_operations_looked_at + 100, op{.quote = "never said"});
  const auto a = read(answer(many));
  CHECK(a.operations.empty());
  CHECK(a.dropped_for(mw::llm::drop_cause::no_quote) == mw::llm::max_operations_looked_at);
  CHECK(a.dropped_for(mw::llm::drop_cause::malformed) == 100);
}

TEST_CASE("analysis: a list that is full takes no more names") {
  std::vector<std::string> themes;
  themes.reserve(50);
  for (int i = 0; i < 50; ++i) themes.push_back("theme " + std::to_string(i));
  CHECK(read(answer({}, "They talked.", themes)).themes.size() == mw::llm::max_themes);
}

TEST_CASE("analysis: counts and lengths are enforced in code, texts cleaned, duplicates dropped") {
  const std::string long_summary = "Start. \xE2\x80\xAE\n" + std::string(1'992, 'x') + "\u00E9\u00E9";
  const auto a =
      read(answer({}, long_summary, {"a", "A ", "", "b", "c", "d", "e", "f", std::string(200, 'y')}));
  CHECK(a.themes == std::vector<std::string>{"a", "b", "c", "d", "e"});
  CHECK(a.summary.size() <= mw::llm::max_summary_bytes);
  CHECK(a.summary.starts_with("Start. xxx"));
  CHECK(mw::utf8_valid(a.summary));
  CHECK(read(answer({}, "s", {std::string(200, 'y')})).themes[0].size() == mw::llm::max_name_bytes);
}

TEST_CASE("analysis: an object inside fences or prose is found, a broken one before it is passed over") {
  const auto good = answer({{}});
  CHECK(read("```json\n" + good + "\n```").operations.size() == 1);
  CHECK(read("Here is {your} answer:\n" + good + "\nAnything else? {ok}").operations.size() == 1);
  CHECK(read("{" + good).operations.size() == 1);
  CHECK(read("  " + good).summary == "They talked.");
}

TEST_CASE("analysis: lone surrogates in the model's escapes do not spoil the answer") {
  auto content = answer({});
  content.replace(content.find("They"), 4, "Th\\ud83dey");
  CHECK(read(content).summary == "Th\uFFFDey talked.");
}

TEST_CASE("analysis: what does not fit says why, without the answer's text") {
  CHECK(refused("I cannot do that") == "the answer holds no complete JSON object");
  CHECK(refused(answer({}).substr(0, 60)) == "the answer holds no complete JSON object");
  CHECK(refused("[1,2]") == "the answer holds no complete JSON object");
  CHECK(refused(answer({}, " \n ")) == "summary is missing or empty");
  CHECK(refused(R"({"summary":"x"})") == "all but the summary is missing");
  CHECK(refused(R"({"operations":[]})") == "summary is missing or empty");
  const auto whole = answer({{}});
  CHECK(refused("Draft: " + whole + "\nFinal: " + whole.substr(0, whole.size() - 4)) ==
        "the last JSON object does not end");
}

TEST_CASE("evidence: an operation carries when it was said, and where its quote begins in the message") {
  auto input = sample_input();
  input.messages[2].said_us = 1'700'000'000'000'000;
  input.messages[2].place = 7;
  const auto place_of = [&](const std::string& quote) {
    const auto a = read_analysis(answer({{.quote = quote}}), input);
    REQUIRE(a);
    REQUIRE(a->operations.size() == 1);
    CHECK(a->operations[0].said == "2023-11-14T22:13:20.000000+00:00");
    CHECK(a->operations[0].place.message == 7);
    return a->operations[0].place.quote;
  };
  // Found as it stands there or folded, the place is the same.
  CHECK(place_of("since May") == place_of("SINCE may"));
  CHECK(place_of("paramedic") < place_of("since May"));
  CHECK(place_of("Graz \u2014 since") == place_of("graz - since"));
}

TEST_CASE("evidence: what was said when its message says so needs no instant of its own") {
  auto input = sample_input();
  for (auto& m : input.messages) {
    m.position.timestamp = "2026-11-23T10:00:00Z";
    m.said_us = mw::parse_iso_time(m.position.timestamp)->time_since_epoch().count();
  }
  const auto a = read_analysis(answer({{.quote = "paramedic"}}), input);
  REQUIRE(a);
  REQUIRE(a->operations.size() == 1);
  CHECK(a->operations[0].said.empty());
}
