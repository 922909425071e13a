#include "protocol/analysis/prompt_room.hpp"

#include <doctest/doctest.h>

#include "protocol/analysis/message_parts.hpp"
#include "tests/unit/analysis/chats.hpp"

namespace mw::analysis {
namespace {

using memory::category;

std::vector<std::string>& list(memory::profile& p, category in) {
  return p.lists.at(static_cast<size_t>(in));
}

/// 30 interests, "Likes thing 1" the oldest; the last five have no known source.
memory::profile with_items() {
  memory::profile p;
  for (int n = 1; n <= 30; ++n) {
    list(p, category::interests).push_back(fmt::format("Likes thing {:02}", n));
    if (n <= 25) {
      memory::item_origin o;
      o.in = category::interests;
      o.item = list(p, category::interests).back();
      o.time = time_at(n);
      p.origins.push_back(o);
    }
  }
  list(p, category::goals) = {"Wants to sail"};
  p.origins.push_back({category::goals, "Wants to sail", {}, {}, time_at(50), {}, {}});
  return p;
}

TEST_CASE("a profile that fits goes into the prompt as it is") {
  const auto p = with_items();
  shortened_counts counts{};
  CHECK(profile_in_prompt(p, 8'000, counts) == p.lists);
  CHECK(counts == shortened_counts{});
}

TEST_CASE("of a profile that is too long the items with the newest evidence are shown, in their order") {
  auto p = with_items();
  shortened_counts counts{};
  const auto shown = profile_in_prompt(p, 60, counts);
  CHECK(shown.at(static_cast<size_t>(category::goals)) == list(p, category::goals));
  const auto& interests = shown.at(static_cast<size_t>(category::interests));
  REQUIRE(interests.size() >= 3);
  CHECK(interests.back() == "Likes thing 25");
  CHECK(std::is_sorted(interests.begin(), interests.end()));
  CHECK(counts.at(0) == 30 - interests.size());
}

TEST_CASE("a title and a summary are cut to their limits, and a title shows no secret") {
  shortened_counts counts{};
  CHECK(title_in_prompt("Tents\nand more", counts) == "Tents and more");
  CHECK(counts == shortened_counts{});
  CHECK(title_in_prompt("my password is hunter2", counts).find("hunter2") == std::string::npos);
  CHECK(title_in_prompt(std::string(5'000, 'x'), counts).size() <= max_title_bytes);
  CHECK(summary_in_prompt(std::string(50'000, 'x'), counts).size() == max_previous_summary_bytes);
  CHECK(counts == shortened_counts{0, 1, 1, 0});
}

TEST_CASE("an assistant's long message is shown by its beginning and end, a user's is never cut") {
  shortened_counts counts{};
  const std::string text = "The beginning. " + std::string(40'000, 'x') + " The end.";
  llm::prompt_message said{chat::role::assistant, text, mark(2)};
  shorten_answer(said, 1'000, counts);
  CHECK(llm::estimate_tokens(said.text) <= 510);
  CHECK(said.text.starts_with("The beginning."));
  CHECK(said.text.ends_with("The end."));
  CHECK(counts.at(3) == 1);
  llm::prompt_message asked{chat::role::user, text, mark(1)};
  shorten_answer(asked, 1'000, counts);
  CHECK(asked.text == text);
}

std::vector<std::string> parts_of(std::string text, uint32_t max_tokens) {
  auto whole = std::make_shared<loaded_conversation>();
  whole->messages.push_back({chat::role::user, std::move(text), mark(1)});
  message_parts parts{whole, max_tokens};
  std::vector<std::string> out;
  while (!parts.done()) {
    out.push_back(parts.question()->messages.at(0).text);
    parts.failed("refused");
  }
  return out;
}

TEST_CASE("parts hold the whole message, are within the limit, and end where a sentence or line does") {
  std::string text;
  for (int n = 0; n < 500; ++n) text += fmt::format("Sentence {} is here. ", n);
  const auto parts = parts_of(text, 700);
  REQUIRE(parts.size() > 2);
  std::string joined;
  for (const auto& part : parts) {
    CHECK(llm::estimate_tokens(part) <= 700);
    CHECK(part.ends_with(". "));
    joined += part;
  }
  CHECK(joined == text);
}

TEST_CASE("a text without a blank is cut between characters") {
  std::string text;
  for (int n = 0; n < 3'000; ++n) text += "\u6f22";
  std::string joined;
  for (const auto& part : parts_of(text, 700)) {
    CHECK(part.size() % 3 == 0);
    CHECK(llm::estimate_tokens(part) <= 700);
    joined += part;
  }
  CHECK(joined == text);
}

TEST_CASE("a message of more parts than are asked about is recorded as truncated") {
  auto whole = std::make_shared<loaded_conversation>();
  whole->messages.push_back({chat::role::user, std::string(400'000, 'x'), mark(1)});
  const message_parts parts{whole, 500};
  CHECK(parts.count() == most_parts);
  CHECK(parts.missing() == "truncated");
}

}  // namespace
}  // namespace mw::analysis
