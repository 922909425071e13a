#include "protocol/redis/command_bytes.hpp"

#include <doctest/doctest.h>
#include <hiredis/hiredis.h>

#include <string>
#include <vector>

namespace {

std::string as_hiredis_writes(const std::vector<std::string>& argv) {
  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  for (const auto& word : argv) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* bytes = nullptr;
  const int size = redisFormatCommandArgv(&bytes, static_cast<int>(argv.size()), texts.data(), sizes.data());
  REQUIRE(size > 0);
  std::string out{bytes, static_cast<size_t>(size)};
  redisFreeCommand(bytes);
  return out;
}

}  // namespace

TEST_CASE("redis commands: the bytes are those that hiredis makes, whatever the words hold") {
  const std::vector<std::vector<std::string>> commands = {
      {"PING"},
      {"GET", ""},
      {"SET", "session:1", std::string{"a\r\nb\0c", 6}, "NX", "PX", "30000"},
      {"SET", "key", std::string(1'000'000, 'x')},
      {"EVAL", "return 1", "2", "{s}:a", "{s}:\xc3\xa4", "1", "2", "3", "4", "5", "6", "7"},
  };
  std::string all = "before";
  std::string expected = all;
  for (const auto& argv : commands) {
    mw::redis::append_command(all, argv);
    expected += as_hiredis_writes(argv);
  }
  CHECK(all == expected);
}

TEST_CASE("redis commands: name and key can be read back from the bytes") {
  std::string bytes;
  mw::redis::append_command(bytes, {"EVAL", "return 1", "1", "lease:s1", "x"});
  const auto words = mw::redis::words_of(bytes);
  CHECK(words.name == "EVAL");
  CHECK(words.key == "lease:s1");
}
