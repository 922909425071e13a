// Numbers that only Python reads made an event invalid, times of other programs counted as missing, and a
// body that is no JSON was refused without the place. Each file of cases/events is one body with what is
// right.
#include <doctest/doctest.h>

#include <filesystem>

#include "protocol/chat/event.hpp"
#include "tests/issues/llm_answers.hpp"

using namespace mw;

TEST_CASE("events are read as programs write them, and what is refused is named with its place") {
  const std::filesystem::path folder{std::string{MW_SOURCE_DIR} + "/tests/issues/cases/events"};
  size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    const auto name = entry.path().stem().string();
    CAPTURE(name);
    const std::string text = test::case_text("events/" + name);
    const chat::json_document document{text};
    REQUIRE(document.error() == nullptr);
    simdjson::dom::object root;
    simdjson::dom::object right;
    REQUIRE(document.root().get(root) == simdjson::SUCCESS);
    REQUIRE(root.at_key("right").get(right) == simdjson::SUCCESS);
    const auto event = chat::parse_event(chat::text_at(root, "body_text"));
    if (chat::text_at(right, "outcome") == "completed") {
      REQUIRE(event);
      if (const auto at = parse_iso_time(chat::text_at(right, "completed_at")))
        CHECK(event->completed_at == at);
    } else {
      REQUIRE_FALSE(event);
      CHECK(event.error().code == errc::invalid_event);
      CHECK(event.error().detail.find(chat::text_at(right, "description_contains")) != std::string::npos);
    }
    ++seen;
  }
  CHECK(seen == 7);
}
