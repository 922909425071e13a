// "x", "N/A", an apology of the model, or the Python worker's placeholder replaced the summary of a
// conversation, or went into the prompt as the summary so far.
#include "protocol/analysis/preparation.hpp"
#include "protocol/memory/commit.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/summary_text.hpp"
#include "tests/issues/llm_answers.hpp"
#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

constexpr const char* good = "The user plays the cello and looks for a teacher.";

TEST_CASE("a summary that says nothing leaves the one that is stored, and its facts are taken") {
  const chat::json_document document{case_text("llm_answers/summaries_that_say_nothing")};
  REQUIRE(document.error() == nullptr);
  const simdjson::dom::array rows = document.root()["summaries"].get_array().value();
  double counted = 0;
  world w;
  w.llm.summary = good;
  w.say(1, "u", "s", 2);
  w.run();
  REQUIRE(w.store.records.at("s").summary == good);
  int messages = 2;
  for (const auto row : rows) {
    w.llm.summary = row["text"].get_string().value();
    CAPTURE(w.llm.summary);
    messages += 2;
    w.say(messages, "u", "s", messages);
    w.run();
    const auto& stored = w.store.records.at("s");
    CHECK(stored.summary == good);
    CHECK(stored.status == memory::record_status::ok);
    CHECK(stored.through->id == "m" + std::to_string(messages));
  }
  for (const char* cause : {"empty", "too-short", "placeholder", "apology"})
    counted += w.metrics.summaries_unusable.at(cause).Value();
  CHECK(counted == static_cast<double>(rows.size()));
  CHECK(w.llm.calls.size() == rows.size() + 1);
  w.llm.summary = "The user has found a teacher.";
  w.say(100, "u", "s", messages + 2);
  w.run();
  CHECK(w.store.records.at("s").summary == "The user has found a teacher.");
}

TEST_CASE("such a text is no summary where none is stored, and is not embedded") {
  auto settings = plain_settings();
  settings.llm_analyzer.embeddings_endpoint = "http://127.0.0.1:1/embeddings";
  world w{settings};
  w.llm.summary = "I'm sorry, but I can't help with that.";
  w.say(1, "u", "s", 2);
  w.run();
  CHECK(w.llm.embedded.empty());
  const auto& stored = w.store.records.at("s");
  CHECK(stored.status == memory::record_status::defaults);
  CHECK(stored.summary == memory::default_summary);
  CHECK(stored.through->id == "m2");
}

TEST_CASE("texts in place of a summary are known in several languages and spellings") {
  for (const char* text : {"",
                           " ",
                           "\u2026",
                           "--",
                           "x",
                           "ok",
                           "N/A",
                           "n.a.",
                           "(none)",
                           "\"None\"",
                           "[]",
                           "Summary: N/A",
                           "**None**",
                           "I\u2019m sorry, I cannot summarise this conversation.",
                           "Sorry, but I can't do that.",
                           "I cannot provide a summary.",
                           "Unable to summarize the conversation.",
                           "No summary available.",
                           "Summary could not be generated.",
                           "No conversation to summarize.",
                           "There is no conversation yet.",
                           "Error analyzing conversation",
                           "Failed to analyze conversation",
                           "Empty conversation",
                           "empty conversation.",
                           "Es tut mir leid, das kann ich nicht zusammenfassen.",
                           "Zusammenfassung: keine",
                           "Keine Zusammenfassung verfügbar.",
                           "Leere Konversation",
                           "Lo siento, no puedo resumir esto.",
                           "No hay conversación que resumir.",
                           "Résumé impossible.",
                           "Je suis désolé, je ne peux pas résumer.",
                           "Mi dispiace, non posso.",
                           "Não posso resumir isso.",
                           "抱歉，我无法总结。",
                           "申し訳ありません。",
                           "죄송합니다.",
                           "string",
                           "one paragraph about the whole conversation so far"}) {
    CAPTURE(text);
    CHECK(memory::says_nothing(text));
  }
}

TEST_CASE("a summary that says something is one, however short and whatever it begins with") {
  for (const char* text :
       {"Tea.", "The user said no.", "They talked.", "About m1 m2", "The user is sorry for being late.",
        "As an AI engineer, the user trains models.", "None of the teachers answered the user.",
        "Unknown composers interest the user.", "Als KI-Forscherin sucht die Nutzerin Daten.",
        "Unable to sleep, the user asks for advice.", "The conversation was about an empty conversation log.",
        "茶について話した。", "旅行", "Nada es seguro, dice la usuaria.",
        "Error messages of a build were explained.",
        "Nothing works on the user's laptop; drivers were reinstalled."}) {
    CAPTURE(text);
    CHECK_FALSE(memory::says_nothing(text));
  }
}

TEST_CASE("the Python worker's third placeholder does not go into the prompt") {
  const chat::json_document document{case_text("placeholder_of_the_old_worker")};
  REQUIRE(document.error() == nullptr);
  simdjson::dom::element stored;
  REQUIRE(document.root()["stored"].get(stored) == simdjson::SUCCESS);
  const auto record = memory::parse_record(simdjson::minify(stored));
  REQUIRE(record);
  CHECK(record->summary.empty());
  CHECK_FALSE(memory::has_summary(*record));
  world w;
  w.store.records["s"] = *record;
  w.llm.summary = "A good summary.";
  w.say(1, "person-52", "s", 2);
  w.run();
  CHECK(w.store.records.at("s").summary == "A good summary.");
}

}  // namespace
}  // namespace mw::test
