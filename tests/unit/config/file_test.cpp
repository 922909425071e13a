#include "protocol/config/file.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include <random>

#include "protocol/config/dotenv.hpp"

using namespace std::chrono_literals;
using namespace mw::config;
using kind = literal::kind;

namespace {

literal one(const std::string& text) {
  const auto entries = parse_file("[s]\nk = " + text + "\n", "f");
  REQUIRE_MESSAGE(entries.has_value(), text);
  REQUIRE(entries->size() == 1);
  return entries->front().content;
}

std::string error_of(std::string_view text) {
  const auto entries = parse_file(text, "f.conf");
  return entries ? "no error" : entries.error().detail;
}

std::string value_error(const std::string& text) {
  return error_of("[s]\nk = " + text + "\n");
}

}  // namespace

TEST_CASE("file: every kind of value") {
  CHECK(one(R"("a \"b\" \\ \n\t")").text == "a \"b\" \\ \n\t");
  CHECK(one("\"a ; b\" ; comment").text == "a ; b");
  CHECK(one("'atom'").type == kind::atom);
  CHECK(one("'atom'").text == "atom");
  CHECK(one("true").flag);
  CHECK(one("false").type == kind::boolean);
  CHECK(one("42").integer == 42);
  CHECK(one("-7").integer == -7);
  CHECK(one("0x2A").integer == 42);
  CHECK(one("0").integer == 0);
  CHECK(one("1.5").real == 1.5);
  CHECK(one("1e3").type == kind::real);
  CHECK(one("-2.5e-1").real == -0.25);
  CHECK(one("10ns").time == 10ns);
  CHECK(one("5us").time == 5us);
  CHECK(one("1500ms").time == 1500ms);
  CHECK(one("2s").time == 2s);
  CHECK(one("5min").time == 5min);
  CHECK(one("1h").time == 1h);
  CHECK(one("<tcp://h:1>").text == "tcp://h:1");
  CHECK(one("[1, \"two\",\n 3s, ] ; list").items.size() == 3);
  CHECK(one("[]").items.empty());
}

TEST_CASE("file: sections as heads and as groups, comments, line ends of Windows") {
  const auto entries =
      parse_file("\xEF\xBB\xBF; first\r\n[a] ; head\r\nx = 1 ; one\r\n\r\n[b.c]\ny =\n  2\n", "f");
  REQUIRE(entries);
  REQUIRE(entries->size() == 2);
  CHECK(entries->at(0).section == "a");
  CHECK(entries->at(0).key_at.line == 3);
  CHECK(entries->at(0).value_at.column == 5);
  CHECK(entries->at(1).section == "b.c");
  CHECK(entries->at(1).content.integer == 2);
  const auto groups = parse_file("a {\n x = 1\n y = 2, z = 3\n}\nb { x = 4 }\nc { d { x = 5 } y = 6 }", "f");
  REQUIRE(groups);
  REQUIRE(groups->size() == 6);
  CHECK(groups->at(2).key == "z");
  CHECK(groups->at(3).section == "b");
  CHECK(groups->at(4).section == "c.d");
  CHECK(groups->at(5).section == "c");
  CHECK(parse_file("", "f")->empty());
  CHECK(parse_file("; nothing", "f")->empty());
}

TEST_CASE("file: a syntax error is one line with place and what was expected") {
  CHECK(error_of("# comment\n") == "f.conf:1:1: expected a key, a [section] or a comment (;)");
  CHECK(error_of("x = 1\n") == "f.conf:1:1: expected a [section] before the first key");
  CHECK(error_of("[a\nx = 1\n") == "f.conf:1:3: expected ']' behind the section name");
  CHECK(error_of("[a] b\n") == "f.conf:1:5: expected the end of the line behind ']'");
  CHECK(error_of("[a]\nx 1\n") == "f.conf:2:3: expected '=' behind the key");
  CHECK(error_of("[a]\nx.y = 1\n") == "f.conf:2:2: expected '=' behind the key");
  CHECK(error_of("[a]\nx = 1 2\n") == "f.conf:2:7: expected the end of the line behind the value");
  CHECK(error_of("a {\n x = 1\n") == "f.conf:3:1: expected '}' at the end of the group");
  CHECK(error_of("a { x = 1 y = 2 }") ==
        "f.conf:1:11: expected the end of the line, ',' or '}' behind the value");
  CHECK(error_of("[" + std::string(129, 'a') + "]\nx = 1\n") == "f.conf:1:131: expected a shorter name");
  CHECK(value_error("hunter2") == "f.conf:2:5: expected a value: strings need double quotes");
  CHECK(value_error("\"open") == "f.conf:2:5: expected a closing \" for what opens here");
  CHECK(value_error("\"\\q\"") == "f.conf:2:7: expected one of \\\" \\\\ \\n \\r \\t");
  CHECK(value_error("[1 2]") == "f.conf:2:8: expected ',' or ']' in the list");
  CHECK(value_error("5m") == "f.conf:2:5: expected a time unit (ns, us, ms, s, min, h)");
  CHECK(value_error("1.5s") == "f.conf:2:5: expected a duration that is a whole number, as 1500ms");
  CHECK(value_error("99999999999999999999") == "f.conf:2:5: expected a number of at most 64 bits");
  CHECK(value_error("010") == "f.conf:2:5: expected a number without leading zero");
  CHECK(value_error("0x") == "f.conf:2:5: expected a number");
  CHECK(value_error("9000000000h") == "f.conf:2:5: expected a duration of less than 290 years");
  CHECK(value_error("").substr(0, 8) == "f.conf:3");
}

TEST_CASE("file: garbage and deep nesting end in an error or entries, never in a crash") {
  CHECK(error_of("[s]\nk = " + std::string(100'000, '[')).find("nested at most 16 deep") !=
        std::string::npos);
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "a{";
  CHECK(error_of(deep).find("nested at most 16 deep") != std::string::npos);
  std::mt19937 random{7};
  const std::string alphabet = "[]{}=;,\"'\\<>.-+_ \n\r\tab0x19esmin\x80\xff" + std::string(1, '\0');
  size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = round % 2 == 0 ? "" : "[s]\nk = ";
    const size_t length = random() % 40;
    for (size_t i = 0; i < length; ++i) text.push_back(alphabet[random() % alphabet.size()]);
    const auto entries = parse_file(text, "f");
    if (entries) {
      ++accepted;
    } else {
      CHECK(entries.error().detail.substr(0, 2) == "f:");
      CHECK(entries.error().detail.find('\n') == std::string::npos);
    }
    const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    const auto variables = parse_dotenv(text);
    CHECK(variables.entries.size() + variables.passed_over.size() <= lines);
  }
  CHECK(accepted > 0);
}

TEST_CASE(".env: quotes, export, comments and blanks") {
  const auto read = parse_dotenv(
      "# comment\n\nA=1\nexport B = two words  # comment\nC=\"x#y\\n\\\"\" # "
      "c\nD='$raw\\n'\nE=\nF=a#b\r\nG=#c\n");
  const auto& entries = read.entries;
  CHECK(read.passed_over.empty());
  REQUIRE(entries.size() == 7);
  CHECK(entries.at(0).value == "1");
  CHECK(entries.at(0).line == 3);
  CHECK(entries.at(1).key == "B");
  CHECK(entries.at(1).value == "two words");
  CHECK(entries.at(2).value == "x#y\n\"");
  CHECK(entries.at(3).value == "$raw\\n");
  CHECK(entries.at(4).value.empty());
  CHECK(entries.at(5).value == "a#b");
  CHECK(entries.at(6).value.empty());
}

TEST_CASE(".env: a value that cannot be read is told with its line, and the next line is read") {
  const auto read = parse_dotenv("A=\"open\nB='closed' x\nC=1\n9=2\nno equals sign\n");
  REQUIRE(read.entries.size() == 4);
  CHECK(read.entries.at(0).trouble == "a closing \"");
  CHECK(read.entries.at(0).line == 1);
  CHECK(read.entries.at(1).trouble == "the end of the line behind the closing '");
  CHECK(read.entries.at(2).value == "1");
  CHECK(read.entries.at(2).trouble.empty());
  CHECK(read.passed_over == std::vector<uint32_t>{5});
}
