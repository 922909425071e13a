// Values of the environment came with the line break of a mounted secret, or with the quotes that Docker's
// --env-file keeps: keys and hosts were taken with them, and failed later as wrong keys and unknown hosts.
#include <doctest/doctest.h>

#include "cmd/memory-api/options.hpp"
#include "protocol/base/bare_text.hpp"
#include "protocol/config/options.hpp"
#include "tests/unit/config/load_fixture.hpp"

using namespace mw::config;
using mw::config::test::has;
using mw::config::test::scene;

namespace {

size_t notes_with(const loaded& l, std::string_view part) {
  return static_cast<size_t>(std::count_if(l.notes.begin(), l.notes.end(), [&](const std::string& n) {
    return n.find(part) != std::string::npos;
  }));
}

}  // namespace

TEST_CASE("blanks, line breaks, byte order marks and a pair of quotes round a value are not part of it") {
  using mw::bare_text;
  CHECK(bare_text("redis\n") == "redis");
  CHECK(bare_text(" \t redis\r\n\r\n") == "redis");
  CHECK(bare_text("\xEF\xBB\xBFredis\xC2\xA0") == "redis");
  CHECK(bare_text("\"redis\"") == "redis");
  CHECK(bare_text("'redis'\n") == "redis");
  CHECK(bare_text("\" redis \"") == "redis");
  CHECK(bare_text("two words") == "two words");
  CHECK(bare_text("\"one") == "\"one");
  CHECK(bare_text("one'") == "one'");
  CHECK(bare_text("\"one'") == "\"one'");
  CHECK(bare_text("'\"one\"'") == "\"one\"");
  CHECK(bare_text("\"") == "\"");
  CHECK(bare_text("\"\"").empty());
  CHECK(bare_text(" \r\n\t").empty());
}

TEST_CASE(
    "every text of the environment is trimmed, with one note that names the variable and not its value") {
  for (const auto& o : options()) {
    if (o.type != option_type::text && o.type != option_type::secret && o.type != option_type::url) continue;
    for (const auto name : o.environment) {
      CAPTURE(name);
      const std::string meant =
          o.type == option_type::url ? "https://chosen.example.net" : "chosen.example.net";
      for (const auto& given :
           {meant + "\n", meant + "\r\n", "\xEF\xBB\xBF" + meant, "\"" + meant + "\"", "'" + meant + "' "}) {
        const auto l = scene{}.env(name, given).run(need::nothing);
        CHECK(std::get<std::string>(o.get(l.values)) == meant);
        CHECK(notes_with(l, std::string{name} + " was trimmed") == 1);
        CHECK(notes_with(l, meant) == 0);
      }
    }
  }
}

TEST_CASE("quoted numbers, flags, levels and sizes are read as meant") {
  const auto l = scene{}
                     .four()
                     .env("REDIS_PORT", "\"6380\"")
                     .env("REDIS_SSL", "'false'\n")
                     .env("LOG_LEVEL", "\"INFO\"")
                     .env("MAX_CONCURRENCY", "7\r\n")
                     .run();
  CHECK(l.problems.empty());
  CHECK(l.values.session_loader.port == 6380);
  CHECK_FALSE(l.values.session_loader.tls);
  CHECK(l.values.dispatcher.max_jobs == 7);
  CHECK(notes_with(l, "REDIS_PORT") == 1);
}

TEST_CASE("a value of blanks alone, or of empty quotes, counts as not set") {
  const auto l =
      scene{}.four().env("REDIS_PORT", " \n").env("REDIS_PASSWORD", "\"\"").env("LOG_LEVEL", "''").run();
  CHECK(l.problems.empty());
  CHECK(l.values.session_loader.port == 10'000);
  CHECK(l.values.session_loader.password.empty());
  CHECK(scene{}.env("REDIS_HOST", "\n").problems().find("session_loader.host is not set") !=
        std::string::npos);
}

TEST_CASE("what stands in quotes in .env keeps them, blanks round it go") {
  const auto l = scene{}.four().file("REDIS_PASSWORD='\"p\"'\nREDIS_USERNAME=\"ann \"\n", ".env").run();
  CHECK(l.values.session_loader.password.value == "\"p\"");
  CHECK(l.values.session_loader.username == "ann");
}

TEST_CASE("memory-worker.conf takes its strings as they are written") {
  const auto l = scene{}.four().file("[session_loader]\npassword = \"p \"\n").run();
  CHECK(l.values.session_loader.password.value == "p ");
}

TEST_CASE("the Memory API trims its variables in the same way") {
  const auto given = [](const char* name) -> std::string {
    const std::string_view n = name;
    if (n == "PORT") return "\"8003\"\n";
    if (n == "LOG_LEVEL") return "'INFO'";
    if (n == "MEMORY_API_TOKEN") return "secret\r\n";
    if (n == "COSMOS_ENDPOINT") return "https://a.documents.azure.com:443/\n";
    if (n == "COSMOS_KEY") return " ";
    return {};
  };
  const auto o = mw::api::read_options({}, given);
  REQUIRE(o);
  CHECK(o->port == 8003);
  CHECK(o->token == "secret");
  CHECK(o->cosmos.endpoint == "https://a.documents.azure.com:443/");
  CHECK(o->cosmos.key.empty());
}
