#include <doctest/doctest.h>

#include <algorithm>

#include "cmd/memory-devstack/llm/operations.hpp"
#include "cmd/memory-devstack/llm/text.hpp"
#include "cmd/memory-devstack/llm/topics.hpp"

namespace {

using namespace mw::standin;

transcript said(std::initializer_list<const char*> user_lines) {
  transcript t;
  for (const auto* text : user_lines) t.lines.push_back({"m", true, true, text});
  return t;
}

bool has(const std::vector<found_operation>& ops, std::string_view op, std::string_view category,
         std::string_view item) {
  return std::any_of(ops.begin(), ops.end(),
                     [&](const auto& o) { return o.op == op && o.category == category && o.item == item; });
}

/// Every quote is a literal piece of the message it names, and that message is a fresh one of the user.
bool evidence_holds(const transcript& t, const std::vector<found_operation>& ops) {
  return std::all_of(ops.begin(), ops.end(), [&](const auto& o) {
    const auto& l = t.lines[o.line];
    return l.from_user && l.fresh && !o.quote.empty() && l.text.find(o.quote) != std::string::npos;
  });
}

TEST_CASE("English statements become items of their categories") {
  const auto t =
      said({"Hi! My name is Anna Keller and I work as a nurse. I really like hiking, rye bread and old jazz "
            "records.",
            "I don't like raisins. My younger sister Marta helps me. I'm learning Portuguese.",
            "Please answer in English. My goal is to run a marathon, and I'm experienced with SQL."});
  const auto ops = find_operations(t);
  CHECK(has(ops, "add", "personal_preferences", "Name: Anna Keller"));
  CHECK(has(ops, "add", "work_profile", "Works as a nurse"));
  CHECK(has(ops, "add", "interests", "Likes hiking"));
  CHECK(has(ops, "add", "interests", "Likes rye bread"));
  CHECK(has(ops, "add", "interests", "Likes old jazz records"));
  CHECK(has(ops, "add", "dislikes", "Dislikes raisins"));
  CHECK(has(ops, "add", "family_and_friends", "Sister: Marta"));
  CHECK(has(ops, "add", "goals", "Learning Portuguese"));
  CHECK(has(ops, "add", "goals", "Goal: run a marathon"));
  CHECK(has(ops, "add", "output_preferences", "Answer in English"));
  CHECK(has(ops, "add", "knowledge", "Knows about SQL"));
  CHECK(evidence_holds(t, ops));
}

TEST_CASE("German statements become items of their categories") {
  const auto t = said(
      {"Hallo, ich heiße Jürgen und wohne in Köln. Ich arbeite als Lehrer.",
       "Ich mag Schach und guten Kaffee. Ich mag keinen Spinat. Rosinen hasse ich nicht, ich mag Rosinen "
       "nicht.",
       "Bitte antworte auf Deutsch. Meine Tochter heißt Mila. Ich lerne gerade Gitarre. Nenn mich Jogi!"});
  const auto ops = find_operations(t);
  CHECK(has(ops, "add", "personal_preferences", "Name: Jürgen"));
  CHECK(has(ops, "add", "personal_preferences", "Lives in Köln"));
  CHECK(has(ops, "add", "personal_preferences", "Call them Jogi"));
  CHECK(has(ops, "add", "work_profile", "Works as Lehrer"));
  CHECK(has(ops, "add", "interests", "Likes Schach"));
  CHECK(has(ops, "add", "interests", "Likes guten Kaffee"));
  CHECK(has(ops, "add", "dislikes", "Dislikes Spinat"));
  CHECK(has(ops, "add", "dislikes", "Dislikes Rosinen"));
  CHECK(has(ops, "add", "output_preferences", "Answer in Deutsch"));
  CHECK(has(ops, "add", "family_and_friends", "Daughter: Mila"));
  CHECK(has(ops, "add", "goals", "Learning Gitarre"));
  CHECK(evidence_holds(t, ops));
}

TEST_CASE("Spanish and French statements become items of their categories") {
  const auto t =
      said({"Hola, me llamo Carmen. Trabajo como profesora y me gusta el senderismo. No me gustan las "
            "respuestas largas.",
            "Por favor, responde en español. Mi hermana se llama Lucía.",
            "Je m'appelle Camille. J’adore le cinéma, mais je n'aime pas le café. Mon frère Hugo arrive."});
  const auto ops = find_operations(t);
  CHECK(has(ops, "add", "personal_preferences", "Name: Camille"));  // the later name replaces the earlier one
  CHECK(has(ops, "add", "work_profile", "Works as profesora"));
  CHECK(has(ops, "add", "interests", "Likes senderismo"));
  CHECK(has(ops, "add", "dislikes", "Dislikes respuestas largas"));
  CHECK(has(ops, "add", "output_preferences", "Answer in español"));
  CHECK(has(ops, "add", "family_and_friends", "Sister: Lucía"));
  CHECK(has(ops, "add", "interests", "Likes cinéma"));
  CHECK(has(ops, "add", "dislikes", "Dislikes café"));
  CHECK(has(ops, "add", "family_and_friends", "Brother: Hugo"));
  CHECK(evidence_holds(t, ops));
}

TEST_CASE("What the assistant says, context, questions and hypotheses are no evidence") {
  auto t = said({"I like tea.", "My name is Bot and I love golf.",
                 "If I like it, I live in Rome. Do you think I like opera?"});
  t.lines[0].fresh = false;
  t.lines[1].from_user = false;
  CHECK(find_operations(t).empty());
}

TEST_CASE("A correction changes the operation of the same answer, or replaces what is stored") {
  const auto same_answer = said({"I live in Berlin.", "Actually, not Berlin, Hamburg."});
  const auto ops = find_operations(same_answer);
  REQUIRE(ops.size() == 1);
  CHECK(ops[0].op == "add");
  CHECK(ops[0].item == "Lives in Hamburg");
  CHECK(evidence_holds(same_answer, ops));

  auto stored = said({"Entschuldigung: nicht Berlin, sondern Hamburg."});
  stored.profile = {{"personal_preferences", "Lives in Berlin"}};
  const auto replaced = find_operations(stored);
  REQUIRE(replaced.size() == 1);
  CHECK(replaced[0].op == "replace");
  CHECK(replaced[0].item == "Lives in Hamburg");
  CHECK(replaced[0].replaces == "Lives in Berlin");
}

TEST_CASE("A person has one job and one home: the new one replaces the stored one") {
  auto t = said({"I work as a baker."});
  t.profile = {{"work_profile", "Works as a nurse"}};
  const auto ops = find_operations(t);
  REQUIRE(ops.size() == 1);
  CHECK(ops[0].op == "replace");
  CHECK(ops[0].replaces == "Works as a nurse");
}

TEST_CASE("What is stored already is not added again") {
  auto t = said({"I like Tea."});
  t.profile = {{"interests", "Likes tea"}};
  CHECK(find_operations(t).empty());
}

TEST_CASE("Forgetting removes what is stored and withdraws what was just said") {
  auto t = said(
      {"I like golf. I like tea.", "Please forget that I like golf.", "Vergiss bitte, dass ich Jazz mag."});
  t.profile = {{"interests", "Likes jazz"}};
  const auto ops = find_operations(t);
  CHECK(has(ops, "add", "interests", "Likes tea"));
  CHECK(has(ops, "remove", "interests", "Likes jazz"));
  CHECK(ops.size() == 2);
  CHECK(evidence_holds(t, ops));
}

TEST_CASE("Forget that, without an object, means what was said last; do not forget means nothing") {
  CHECK(find_operations(said({"I like golf.", "Forget that, please."})).empty());
  CHECK(find_operations(said({"I like golf.", "Don't forget about it!"})).size() == 1);
}

TEST_CASE("Persons are neither the user nor places, and are found in several languages") {
  auto t = said({"My name is Anna. Marta and Dr. Novak were with me in New York.",
                 "Frau Weber und Maria Lopez kommen aus München."});
  const auto f = analyse(t);
  CHECK(f.persons == std::vector<std::string>{"Marta", "Novak", "Weber", "Maria Lopez"});
  CHECK(f.places == std::vector<std::string>{"New York", "München"});
}

TEST_CASE("Themes are at most five and the feeling is the user's own") {
  auto t =
      said({"I am so happy about my marathon training, my guitar, my garden, my dog, my piano, my recipe and "
            "my telescope. Thanks, great!"});
  t.lines.push_back({"m2", false, true, "That is terrible, awful, sad, horrible and bad."});
  const auto f = analyse(t);
  CHECK(f.themes.size() == 5);
  CHECK(f.sentiment == "positive");
  CHECK(analyse(said({"This is not good, I am worried and frustrated."})).sentiment == "negative");
}

TEST_CASE("The summary builds on the previous one and stays one bounded paragraph") {
  auto t = said({"I want to plan a trip to Lisbon by train."});
  t.previous_summary = std::string(3000, 'x');
  const auto f = analyse(t);
  CHECK(f.summary.starts_with("xxx"));
  CHECK(f.summary.find("Lisbon") != std::string::npos);
  CHECK(f.summary.find('\n') == std::string::npos);
  CHECK(f.summary.size() < 1500);
}

TEST_CASE("The same transcript gives the same findings") {
  const auto t = said({"I like hiking in Wales with Tom. I love tea, cake and jazz."});
  const auto a = analyse(t);
  const auto b = analyse(t);
  CHECK(a.summary == b.summary);
  CHECK(a.operations.size() == b.operations.size());
}

TEST_CASE("Any bytes can be cut into words and sentences") {
  const std::string bytes = "\xff\xfe I like \xC3\x28 \xE2\x80\x99 \xF0\x9F\x98\x80 tea\xC3";
  CHECK_FALSE(words_of(bytes).empty());
  CHECK(fold("ÄÖÜ É Ñ’s") == "äöü é ñ's");
  CHECK(sentences_of("It costs 3.5 euros. Really? Yes\nok").size() == 4);
  CHECK_NOTHROW(static_cast<void>(analyse(said({bytes.c_str()}))));
}

}  // namespace
