// Phones write decomposed letters, models quote them composed, shorten them by three dots, or write a plain
// letter for a full-width one: the fact was dropped as not quoted.
#include "protocol/llm/evidence.hpp"
#include "tests/issues/text_cases.hpp"

using mw::issues::each_text_pair;
using mw::issues::text_in;
using mw::llm::contains_quote;

TEST_CASE("a quote is found in its message in every spelling of it, and nothing else is") {
  each_text_pair("quotes.json", [](const auto& row) {
    const std::string message = text_in(row, "message");
    const std::string quote = text_in(row, "quote");
    CAPTURE(message);
    CAPTURE(quote);
    CHECK(contains_quote(message, quote) == bool{row["right"]});
  });
}

TEST_CASE("the message of a whole conversation holds the quote of its answer") {
  for (const char* name : {"ellipsis_inside_a_quote.json", "full_width_quote.json",
                           "german_decomposed_message.json", "greek_decomposed_quote.json"}) {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    REQUIRE(parser.load(mw::issues::text_case_path(name)).get(root) == simdjson::SUCCESS);
    const std::string_view message{root.at_pointer("/conversation/messages/0/content")};
    const std::string_view quote{root.at_pointer("/llm_says/0/quote")};
    CAPTURE(name);
    CHECK(contains_quote(message, quote));
  }
}

TEST_CASE("the parts around dots are found in their order, and what is left out denies nothing") {
  CHECK(contains_quote("I breed, when I can, grey geese.", "I breed […] grey geese."));
  CHECK(contains_quote("I breed, when I can, grey geese.", "\"I breed (...) geese…\""));
  CHECK(contains_quote("Ich züchte seit Jahren graue Gänse.", "Ich zu\u0308chte … graue Ga\u0308nse"));
  CHECK_FALSE(contains_quote("I breed grey geese.", "grey geese ... I breed"));
  CHECK_FALSE(contains_quote("I do not like geese.", "I ... like geese"));
  CHECK_FALSE(contains_quote("Ich habe nie Gänse gezüchtet.", "Ich habe ... Gänse gezüchtet"));
  CHECK_FALSE(contains_quote("Je n'ai plus de chèvres.", "Je ... de chèvres"));
  CHECK_FALSE(contains_quote("I breed geese.", "..."));
  CHECK_FALSE(contains_quote("I breed geese.", "i ... b"));
}
