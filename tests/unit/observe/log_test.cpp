#include "protocol/observe/log.hpp"

#include <doctest/doctest.h>
#include <simdjson.h>

#include <random>
#include <thread>

using namespace std::chrono_literals;
using namespace mw::observe;
using mw::log_level;

namespace {

/// A logger that keeps its lines, with a clock the test sets.
struct book {
  std::vector<std::string> lines;
  mw::wall_time now = *mw::parse_iso_time("2026-01-02T03:04:05Z");
  logger log{options()};

  logger_options options() {
    logger_options o;
    o.sink = [this](std::string_view line) { lines.emplace_back(line); };
    o.now = [this] { return now; };
    o.repeats = 3;
    o.period = 10s;
    return o;
  }
};

std::string text_of(const std::string& line, const char* name) {
  simdjson::dom::parser parser;
  simdjson::dom::element e;
  REQUIRE_MESSAGE(parser.parse(line).get(e) == simdjson::SUCCESS, line);
  std::string_view out;
  REQUIRE_MESSAGE(e[name].get(out) == simdjson::SUCCESS, line);
  return std::string{out};
}

}  // namespace

TEST_CASE("log: one object a line, time, level, event and the fields in order") {
  book b;
  b.log.set_common({{"node", "n\"1"}});
  b.log.log(level::info, "window-closed")
      .field("session", "s1")
      .field("events", 3)
      .field("age_ms", 1500ms)
      .field("last", true)
      .field("part", 0.5)
      .field("size", size_t{7});
  REQUIRE(b.lines.size() == 1);
  CHECK(b.lines[0] ==
        "{\"time\":\"2026-01-02T03:04:05.000000+00:00\",\"level\":\"info\",\"event\":\"window-closed\","
        "\"node\":\"n\\\"1\","
        "\"session\":\"s1\",\"events\":3,\"age_ms\":1500,\"last\":true,\"part\":0.5,\"size\":7}\n");
}

TEST_CASE("log: a tap gets the lines of warning and above, as long as it is there") {
  book b;
  std::vector<std::string> tapped;
  b.log.set_tap([&](std::string_view line) { tapped.emplace_back(line); });
  b.log.log(level::info, "fine");
  b.log.log(level::warning, "odd").field("n", 1);
  b.log.log(level::error, "bad");
  REQUIRE(tapped.size() == 2);
  CHECK(tapped[0] == b.lines[1]);
  b.log.set_tap({});
  b.log.log(level::error, "worse");
  CHECK(tapped.size() == 2);
  CHECK(b.lines.size() == 4);
}

TEST_CASE("log: a statement without fields, and a failure's fields") {
  book b;
  b.log.log(level::info, "started");
  b.log.log(level::warning, "job-failed").failed(mw::fail(mw::dependency::redis, mw::errc::timed_out, "GET"));
  CHECK(b.lines.at(0).find(R"("event":"started"})") != std::string::npos);
  CHECK(b.lines.at(1).find(R"("error":"timed-out","from":"redis","detail":"GET"})") != std::string::npos);
}

TEST_CASE("log: whatever bytes a field holds, the line is one valid JSON object on one line") {
  book b;
  std::mt19937 random{3};
  for (int i = 0; i < 2'000; ++i) {
    std::string bytes;
    const size_t length = random() % 60;
    for (size_t k = 0; k < length; ++k) bytes.push_back(static_cast<char>(random() % 256));
    b.log.log(level::info, bytes).field("session", bytes).field("message", bytes);
    const auto& line = b.lines.back();
    CHECK(line.find('\n') == line.size() - 1);
    CHECK(text_of(line, "session") == text_of(line, "message"));
  }
  CHECK(b.lines.size() == 2'000);
}

TEST_CASE("log: a huge field is cut without breaking a character") {
  book b;
  std::string text(max_field_bytes - 1, 'a');
  text += "\xe2\x82\xac and more";
  b.log.log(level::info, "e").field("detail", text);
  CHECK(text_of(b.lines.at(0), "detail") == std::string(max_field_bytes - 1, 'a'));
}

TEST_CASE("log: what is below the level is not written, and the level can change") {
  book b;
  b.log.log(level::debug, "detail").field("k", 1);
  CHECK(b.lines.empty());
  CHECK_FALSE(b.log.enabled(level::debug));
  b.log.set_level(level::debug);
  b.log.log(level::debug, "detail").field("k", 1);
  CHECK(b.lines.size() == 1);
  b.log.set_level(level::error);
  b.log.log(level::warning, "w");
  CHECK(b.lines.size() == 1);
}

TEST_CASE("log: a warning that repeats is limited per event, and the lines say so") {
  book b;
  for (int i = 0; i < 10; ++i) b.log.log(level::warning, "redis-down").field("i", i);
  CHECK(b.lines.size() == 3);
  CHECK(b.lines.at(2).find("\"limited\":true") != std::string::npos);
  CHECK(b.log.suppressed() == 7);
  b.log.log(level::error, "other");
  for (int i = 0; i < 10; ++i) b.log.log(level::info, "info-is-never-limited");
  CHECK(b.lines.size() == 14);
  b.now += 9s;
  b.log.log(level::warning, "redis-down");
  CHECK(b.lines.size() == 14);
  b.now += 1s;
  b.log.log(level::warning, "redis-down");
  REQUIRE(b.lines.size() == 15);
  CHECK(b.lines.back().find("\"suppressed\":8") != std::string::npos);
  b.log.log(level::warning, "redis-down");
  CHECK(b.lines.back().find("suppressed") == std::string::npos);
}

TEST_CASE("log: a clock set back does not silence a warning") {
  book b;
  for (int i = 0; i < 5; ++i) b.log.log(level::warning, "w");
  b.now -= 1h;
  b.log.log(level::warning, "w");
  CHECK(b.lines.size() == 4);
}

TEST_CASE("log: lines of many threads don't mix") {
  book b;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&b, t] {
      for (int i = 0; i < 200; ++i)
        b.log.log(level::info, "e").field("thread", t).field("text", std::string(300, 'x'));
    });
  for (auto& t : threads) t.join();
  CHECK(b.lines.size() == 800);
  for (const auto& line : b.lines) CHECK(text_of(line, "text").size() == 300);
}
