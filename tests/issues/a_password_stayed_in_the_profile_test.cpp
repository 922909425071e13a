// A password, a card number and a removed item stood in the profile or in its history after the user had
// shown them, or asked to forget them; so did every quote.
#include <doctest/doctest.h>

#include "protocol/base/json_writer.hpp"
#include "protocol/llm/evidence.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/secrets.hpp"
#include "tests/unit/memory/fixtures.hpp"

using namespace mw;
using namespace mw::memory;

namespace {

struct said {
  const char* message;
  const char* quote;
  const char* item;
  const char* op = "add";
};

llm::analysis analysed(const said& s, const std::string& summary = "They talked.") {
  std::string text;
  json_writer{text}
      .begin_object()
      .field("summary", summary)
      .strings("themes", std::vector<std::string>{"card 4111 1111 1111 1111"})
      .strings("persons", std::vector<std::string>{})
      .strings("places", std::vector<std::string>{})
      .field("user_sentiment", "neutral")
      .key("operations")
      .begin_array()
      .begin_object()
      .field("op", s.op)
      .field("message", "m1")
      .field("quote", s.quote)
      .field("category", "interests")
      .field("item", s.item)
      .field("replaces", "")
      .end_object()
      .end_array()
      .end_object();
  llm::analysis_input in;
  in.messages.push_back({});
  auto& m = in.messages.back();
  m.from = chat::role::user;
  m.text = s.message;
  m.fresh = true;
  m.position = msg(1);
  const auto read = llm::read_analysis(text, in);
  REQUIRE(read);
  return *read;
}

profile applied(const profile& before, int through, std::vector<operation> operations) {
  auto c = make_commit(through - 1, through);
  c.operations = std::move(operations);
  return apply_to_profile(before, c, "2026-11-23T12:00:00+00:00").next;
}

bool stands_in(const profile& p, std::string_view text) {
  return write_profile(p).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("an operation whose quote or item holds a secret is dropped and counted") {
  for (const said& s : std::initializer_list<said>{
           {"My card is 5555 5555 5555 4444.", "My card is 5555 5555 5555 4444", "Card 5555 5555 5555 4444"},
           {"Send it to DE89 3704 0044 0532 0130 00.", "Send it to DE89 3704 0044 0532 0130 00",
            "Account DE89370400440532013000"},
           {"My passport number is 482915073.", "My passport number is 482915073", "Passport 482915073"},
           {"The password is Nettle-Soup-9, remember it.", "The password is Nettle-Soup-9",
            "Password Nettle-Soup-9"},
           {"Mein Passwort lautet Moorhuhn.", "Mein Passwort lautet Moorhuhn", "Passwort Moorhuhn"},
           {"Mi contraseña es ciruela-azul.", "Mi contraseña es ciruela-azul", "Contraseña ciruela-azul"},
           {"Mon mot de passe est Brouillard7.", "Mon mot de passe est Brouillard7",
            "Mot de passe Brouillard7"},
           {"I like my card 5555 5555 5555 4444 in blue.", "I like my card 5555 5555 5555 4444 in blue",
            "Likes the card in blue"}}) {
    CAPTURE(s.message);
    const auto a = analysed(s);
    CHECK(a.operations.empty());
    CHECK(a.dropped_for(mw::llm::drop_cause::secret) == 1);
  }
}

TEST_CASE("years, times, prices and short numbers are no secrets") {
  for (const char* text :
       {"I was born in 1974 and run 10,000 m", "I restore a Vespa of 1962, number 118 204",
        "Lived there 1990-1994, 1996 - 2001", "Years 1999 2004 2012", "On 2026-11-23 at 10:30 and 11:45",
        "From 01.02.2026 - 03.04.2026", "It cost 1,250,000,000 dollars", "Call 555-0199",
        "Uses a password manager", "Forgot the password again", "Works on password-protected files",
        "Thinks that a password is important", "Pins 3 and 4 of the board", "Runs 42.195 km in 3:12:45",
        "The flat is at 48.137, 11.576", "Was a passport officer", "EU27 countries and their 24 languages"}) {
    CAPTURE(text);
    CHECK_FALSE(holds_secret(text));
  }
}

TEST_CASE("secrets are found in other spellings") {
  for (const char* text :
       {"4111-1111-1111-1111",
        "4111\xC2\xA0"
        "1111\xC2\xA0"
        "1111\xC2\xA0"
        "1111",
        "123.456.789-09", "Password: hunter2", "the password for the wifi is blue horse", "my PIN is 4821",
        "GB82 WEST 1234 5698 7654 32", "gb82west12345698765432", "密码是春天", "Мой пароль: весна",
        "the passwords are plum and pear", "Kennwort \"Moor\"", "４１１１１１１１１１１１１１１１"}) {
    CAPTURE(text);
    CHECK(holds_secret(text));
  }
}

TEST_CASE("summary and themes keep no secret, and the rest of them stays") {
  const auto a = analysed({"I like tea.", "I like tea", "Likes tea"},
                          "The card is 4111 1111 1111 1111, the password is Plum-Tree-77. They like tea.");
  CHECK(a.summary == "The card is [...], the password is [...]. They like tea.");
  CHECK(a.themes == std::vector<std::string>{"card [...]"});
  CHECK(a.operations.size() == 1);
}

TEST_CASE("a stored secret can be taken back") {
  const auto a = analysed({"Forget my card 4111 1111 1111 1111.", "Forget my card 4111 1111 1111 1111",
                           "Card 4111 1111 1111 1111", "remove"});
  CHECK(a.operations.size() == 1);
  profile p;
  p.lists.at(static_cast<size_t>(category::interests)) = {"Card 4111 1111 1111 1111"};
  CHECK_FALSE(stands_in(applied(p, 2, {op_remove("Card 4111 1111 1111 1111", 2)}), "4111"));
}

TEST_CASE("no quote and nothing removed stands in the document, and what was replaced does, for undo") {
  auto p = applied({}, 1, {op_add("Hates olives", 1)});
  CHECK(stands_in(p, "Hates olives"));
  CHECK_FALSE(stands_in(p, "quote"));
  p = applied(p, 2, {op_replace("Hates olives", "Likes olives", 2)});
  CHECK(stands_in(p, "Hates olives"));
  p = applied(p, 3, {op_remove("Likes olives", 3)});
  CHECK_FALSE(stands_in(p, "olives"));
  CHECK(p.last_operations.size() == 1);
}

TEST_CASE("what one commit brings and takes out again stands nowhere") {
  auto p = applied({}, 1, {op_add("Hates olives", 1)});
  auto c = make_commit(1, 3);
  c.operations = {op_replace("Hates olives", "Likes olives", 2), op_remove("Likes olives", 3)};
  CHECK_FALSE(stands_in(apply_to_profile(p, c, "2026-11-23T12:00:00+00:00").next, "olives"));
}

TEST_CASE("a secret in a commit from elsewhere is not kept for undo, and the document stays as it is") {
  const auto p = applied({}, 1, {op_add("Account 482915073111", 1)});
  CHECK(p.last_operations.empty());
  const auto again = parse_profile(write_profile(p));
  REQUIRE(again);
  CHECK(write_profile(*again) == write_profile(p));
}

TEST_CASE("a document that holds quotes and removed texts loses them with the next write") {
  std::string worker;
  json_writer{worker}
      .begin_object()
      .field("v", 1)
      .key("last_operations")
      .begin_array()
      .begin_object()
      .field("op", "remove")
      .field("category", "dislikes")
      .field("item", "Hates olives")
      .field("quote", "forget the olives")
      .end_object()
      .begin_object()
      .field("op", "add")
      .field("category", "interests")
      .field("item", "Card 4111111111111111")
      .field("quote", "my card is")
      .end_object()
      .end_array()
      .end_object();
  std::string text;
  json_writer{text}.begin_object().field("id", "u").field("userId", "u").field("worker", worker).end_object();
  const auto p = parse_profile(text);
  REQUIRE(p);
  for (const char* gone : {"olives", "4111", "my card"}) {
    CAPTURE(gone);
    CHECK_FALSE(stands_in(*p, gone));
  }
}
