// A pasted text of 1 MB was one call of 247,000 tokens, and failed as a whole where the model takes less. It
// goes in parts now: several calls of one job, one commit.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <numeric>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

constexpr uint32_t limit = 1'000;

config::settings small_windows() {
  auto s = plain_settings();
  s.dispatcher.max_tokens = limit;
  return s;
}

/// `sentences` of about ten tokens.
std::string long_text(int sentences) {
  std::string text;
  for (int n = 1; n <= sentences; ++n) text += fmt::format("This is the sentence of number {:05}. ", n);
  return text;
}

/// Every call finds the sentence it begins with.
void facts_of_parts(const llm::analysis_input& input, llm::analysis& a) {
  const auto& m = input.messages.at(0);
  memory::operation op;
  op.in = memory::category::interests;
  op.item = m.text.substr(0, 36);
  op.quote = op.item;
  op.evidence = m.position;
  op.place = {1, m.offset, 0};
  a.operations.push_back(op);
  a.summary = fmt::format("Up to part {}", m.part);
  a.persons = {"Ines", fmt::format("Person {}", m.part)};
}

std::string joined(const std::vector<asked>& calls) {
  return std::accumulate(calls.begin(), calls.end(), std::string{},
                         [](std::string all, const asked& a) { return std::move(all) + a.said.at(0); });
}

struct long_message {
  world w{small_windows()};
  std::string text = long_text(400);
  long_message() {
    w.converse("ann", "s1", text);
    w.llm.says = facts_of_parts;
  }
  void tell() {
    w.deliver(1, "ann", "s1");
    w.advance(seconds{2});
  }
};

TEST_CASE("a message longer than a window goes in calls within the limit, and is stored by one commit") {
  long_message t;
  t.tell();
  auto& w = t.w;
  CHECK(w.llm.calls.size() >= 4);
  CHECK(w.llm.calls.size() <= 6);
  for (const auto& call : w.llm.calls) CHECK(llm::estimate_tokens(call.said.at(0)) <= limit);
  CHECK(joined(w.llm.calls) == t.text);
  CHECK(w.history == texts{"stored s1", "settled 1 complete"});
  const auto& record = w.store.records.at("s1");
  CHECK(record.summary == fmt::format("Up to part {}", w.llm.calls.size()));
  CHECK(record.persons.size() == w.llm.calls.size() + 1);
  CHECK(record.through->id == "m1");
  const auto& interests =
      w.store.profiles.at("ann").lists.at(static_cast<size_t>(memory::category::interests));
  CHECK(interests.size() == w.llm.calls.size());
}

TEST_CASE("each part is asked with the summary that the parts before it gave") {
  long_message t;
  t.tell();
  CHECK(t.w.llm.calls.at(0).previous_summary.empty());
  CHECK(t.w.llm.calls.at(1).previous_summary == "Up to part 1");
  CHECK(t.w.llm.calls.at(2).previous_summary == "Up to part 2");
}

TEST_CASE("a crash between two parts pays for none of them again") {
  long_message t;
  auto& w = t.w;
  w.llm.judge = [&](const llm::analysis_input& in) -> std::optional<failure> {
    if (in.messages.at(0).part == 3) w.llm.holds = true;
    return std::nullopt;
  };
  t.tell();
  REQUIRE(w.llm.held() == 1);
  w.crash(actor_of::analyzer);
  w.advance(seconds{30});
  w.llm.judge = nullptr;
  w.llm.holds = false;
  w.llm.answer_all();
  w.advance(seconds{30});
  REQUIRE(w.bus.settled == texts{"1 complete"});
  CHECK(w.starts(actor_of::analyzer) == 2);
  CHECK(joined(w.llm.calls) == t.text);
  CHECK(w.history == texts{"stored s1", "settled 1 complete"});
}

TEST_CASE("an outage between two parts costs time, and no part twice") {
  long_message t;
  auto& w = t.w;
  int outage = 3;
  w.llm.judge = [&](const llm::analysis_input& in) -> std::optional<failure> {
    if (in.messages.at(0).part == 2 && outage-- > 0) return fail(dependency::llm, errc::overloaded, "busy");
    return std::nullopt;
  };
  t.tell();
  w.advance(seconds{120});
  REQUIRE(w.bus.settled == texts{"1 complete"});
  texts firsts;
  for (const auto& call : w.llm.calls) firsts.push_back(call.said.at(0).substr(0, 36));
  CHECK(std::count(firsts.begin(), firsts.end(), firsts.front()) == 1);
  CHECK(w.store.records.at("s1").skipped.empty());
}

TEST_CASE("a part that is filtered costs the others nothing, and the message is recorded as skipped") {
  long_message t;
  auto& w = t.w;
  const auto filtered = [](const llm::analysis_input& in) -> std::optional<failure> {
    if (in.messages.at(0).text.find("00150") == std::string::npos) return std::nullopt;
    return fail(dependency::llm, errc::content_filtered, "the filter");
  };
  w.llm.judge = filtered;
  t.tell();
  REQUIRE(w.bus.settled == texts{"1 complete"});
  const auto& record = w.store.records.at("s1");
  CHECK(record.status == memory::record_status::ok);
  REQUIRE(record.skipped.size() == 1);
  CHECK(record.skipped.at(0).from.id == "m1");
  CHECK(record.skipped.at(0).reason == "content-filtered");
  CHECK_FALSE(w.store.profiles.at("ann").empty());
}

TEST_CASE("a message that is too long for the model is halved until it fits") {
  world w;
  w.llm.says = facts_of_parts;
  const auto text = long_text(1'000);
  w.converse("ann", "s1", text);
  w.llm.judge = [](const llm::analysis_input& in) -> std::optional<failure> {
    if (llm::estimate_tokens(in.messages.at(0).text) <= 4'000) return std::nullopt;
    return fail(dependency::llm, errc::context_too_long, "8,192 tokens at most");
  };
  w.deliver(1, "ann", "s1");
  w.advance(seconds{2});
  REQUIRE(w.bus.settled == texts{"1 complete"});
  CHECK(w.store.records.at("s1").skipped.empty());
  CHECK(w.store.records.at("s1").status == memory::record_status::ok);
  std::string analysed;
  for (const auto& call : w.llm.calls)
    if (llm::estimate_tokens(call.said.at(0)) <= 4'000) analysed += call.said.at(0);
  CHECK(analysed == text);
}

TEST_CASE("past the day's budget the rest of a message waits for the next day") {
  auto s = small_windows();
  s.llm_analyzer.budget_tokens_per_day = 200;
  world w{s};
  w.llm.says = facts_of_parts;
  w.converse("ann", "s1", long_text(400));
  w.deliver(1, "ann", "s1");
  w.advance(seconds{2});
  REQUIRE(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.size() == 2);
  const auto& record = w.store.records.at("s1");
  REQUIRE(record.skipped.size() == 1);
  CHECK(record.skipped.at(0).waits_for_budget());
}

}  // namespace
}  // namespace mw::test
