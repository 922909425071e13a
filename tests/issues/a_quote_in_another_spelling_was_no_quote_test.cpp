// Phones write decomposed letters, models quote them composed, shorten them by three dots, or write a plain
// letter for a full-width one: the fact was dropped as not quoted.
#include "protocol/base/folding.hpp"
#include "protocol/llm/near_quote.hpp"
#include "tests/issues/text_cases.hpp"
#include "tests/unit/llm/quotes.hpp"

using mw::issues::each_text_pair;
using mw::issues::text_in;

TEST_CASE("a quote is found in its message in every spelling of it, and nothing else is") {
  each_text_pair("quotes.json", [](const auto& row) {
    const std::string message = text_in(row, "message");
    const std::string quote = text_in(row, "quote");
    CAPTURE(message);
    CAPTURE(quote);
    CHECK(takes_quote(message, quote) == bool{row["right"]});
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
    CHECK(takes_quote(message, quote));
  }
}

TEST_CASE("the parts around dots are found in their order, and what is left out denies nothing") {
  CHECK(takes_quote("I breed, when I can, grey geese.", "I breed […] grey geese."));
  CHECK(takes_quote("I breed, when I can, grey geese.", "\"I breed (...) geese…\""));
  CHECK(takes_quote("Ich züchte seit Jahren graue Gänse.", "Ich zu\u0308chte … graue Ga\u0308nse"));
  CHECK_FALSE(takes_quote("I breed grey geese.", "grey geese ... I breed"));
  CHECK_FALSE(takes_quote("I do not like geese.", "I ... like geese"));
  CHECK_FALSE(takes_quote("Ich habe nie Gänse gezüchtet.", "Ich habe ... Gänse gezüchtet"));
  CHECK_FALSE(takes_quote("Je n'ai plus de chèvres.", "Je ... de chèvres"));
  CHECK_FALSE(takes_quote("I breed geese.", "..."));
  CHECK_FALSE(takes_quote("I breed geese.", "i ... b"));
}

TEST_CASE("a clause that was left out without a mark is found, unless the rest says something else") {
  CHECK(takes_quote("I breed, when I can, grey geese.", "I breed grey geese"));
  CHECK(takes_quote("My sister (the elder one) lives in Graz.", "My sister lives in Graz."));
  CHECK(takes_quote("Meine Schwester, die ältere, wohnt in Graz.", "meine Schwester wohnt in Graz"));
  CHECK(takes_quote("I breed - since May - grey geese.", "I breed grey geese"));
  CHECK_FALSE(takes_quote("I breed, but never again, grey geese.", "I breed grey geese"));
  CHECK_FALSE(takes_quote("I would never breed grey geese.", "I breed grey geese"));
  CHECK_FALSE(takes_quote("I live in Graz. My boss lives in Ulm, and plays chess.",
                          "I live in Graz and plays chess"));
  CHECK_FALSE(takes_quote("I used to breed grey geese.", "I breed grey geese"));
  CHECK_FALSE(takes_quote("I breedx, when I can, grey geese.", "I breed grey geese"));
  CHECK_FALSE(takes_quote("I breed, when I can, geese.", "I breed geese"));
}

TEST_CASE("a quote that shares most of its words with the message is nearly right, an invented one is not") {
  const auto shares = [](std::string_view message, std::string_view quote) {
    return mw::llm::shares_most_words(mw::fold_text(message), mw::fold_text(quote));
  };
  CHECK(shares("I play the cello in a small orchestra.", "I am playing the cello in a small orchestra"));
  CHECK(shares("Ich spiele seit Jahren Cello.", "ich spiele Cello seit Jahren"));
  CHECK(shares("私は小さな楽団でチェロを弾きます。", "私は小さな楽団でチェロを弾く"));
  CHECK_FALSE(shares("I play the cello in a small orchestra.", "The user loves hiking in a group"));
  CHECK_FALSE(shares("I play the cello.", "cello"));
  CHECK_FALSE(shares("", "I play the cello"));
  CHECK_FALSE(shares("I play the cello.", ""));
  CHECK_FALSE(shares("私は小さな楽団でチェロを弾きます。", "彼女は大きい犬が好きだ"));
}
