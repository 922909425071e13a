// A .env file is shared with other programs: their keys, multi-line values and lines that are no variables
// ended the worker with exit code 78.
#include <doctest/doctest.h>

#include "tests/unit/config/load_fixture.hpp"

using namespace mw::config;
using mw::config::test::scene;

namespace {

loaded with(std::string_view text) {
  scene s;
  s.four().file(text, ".env");
  return s.run();
}

bool reads_on(std::string_view before) {
  const auto l = with(std::string{before} + "\nOTEL_SERVICE_NAME=memory\n");
  return l.problems.empty() && l.values.process.service_name == "memory";
}

}  // namespace

TEST_CASE("what is other programs' in .env is passed over, and what follows is read") {
  CHECK(reads_on("my.key=1\nspring-profile=x"));
  CHECK(reads_on("PEM=\"-----BEGIN KEY-----\nabc=\n-----END KEY-----\""));
  CHECK(reads_on("PEM=\"-----BEGIN KEY-----\r\nREDIS_PORT=x\r\n-----END KEY-----\" # c\r"));
  CHECK(reads_on("JSON={\"a\": 1}"));
  CHECK(reads_on("JSON={\n  \"a\": \"b=c\",\n  \"d\": 1\n}"));
  CHECK(reads_on("JSON='{\n  \"a\": 1\n}'"));
  CHECK(reads_on("just a word\n- REDIS_PORT=x\n[section]\nexport\nexport NAME"));
  CHECK(reads_on("9KEY=1\n\xC3\xA4=1\n=nothing\nKEY WITH BLANKS=1"));
  CHECK(reads_on("TEXT=it's\nOPEN='don't"));
  CHECK(reads_on("INCH=5\"\nOPEN=\"5 inch\nOTHER=\"x\""));
  CHECK(reads_on("OPEN=\"never closed"));
}

TEST_CASE("our keys are read with export, blanks round = and a comment behind the value") {
  const auto l =
      with("export REDIS_PORT = 6380 # the port\nexport\tREDIS_USERNAME=\"ann\" # she\nREDIS_SSL =false\n");
  CHECK(l.problems.empty());
  CHECK(l.values.session_loader.port == 6380);
  CHECK(l.values.session_loader.username == "ann");
  CHECK_FALSE(l.values.session_loader.tls);
}

TEST_CASE(
    "a key of ours whose value cannot be read is an error, and what is passed over is told without its "
    "text") {
  CHECK(with("A=1\nREDIS_PASSWORD=\"hunter2\n").problems.size() == 1);
  const auto l = with("hunter2\nA=1\nB='hunter2' x\n");
  CHECK(l.problems.empty());
  CHECK(mw::config::test::has(l.notes, ".env: passed over what is not KEY=VALUE: line 1, 3"));
}

TEST_CASE("a folder named .env is no configuration; a file in UTF-16 is told to be one") {
  scene s;
  s.four();
  std::filesystem::create_directory(s.in.directory / ".env");
  CHECK(s.run().problems.empty());
  CHECK(with(std::string_view{"\xFF\xFE"
                              "A\0=\0",
                              6})
            .problems.size() == 1);
}
