#include "actors/counting.hpp"

#include <doctest/doctest.h>

#include <set>

#include "protocol/flow/verdict.hpp"
#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

using labels = std::set<std::string, std::less<>>;

/// Of the family's series, as they stand on the page.
labels labels_of(const std::string& page, const std::string& family) {
  labels out;
  const std::string start = "\n" + family + "{reason=\"";
  for (size_t at = page.find(start); at != std::string::npos; at = page.find(start, at + 1)) {
    const size_t from = at + start.size();
    out.insert(page.substr(from, page.find('"', from) - from));
  }
  return out;
}

/// Why parts of conversations are skipped: what the verdict table ends in defaults when nothing can be mended
/// any more, and what is recorded without asking it.
labels reasons_of_the_code() {
  labels out{std::string{skipped_for::memory_rejected}, std::string{skipped_for::budget_expired},
             std::string{skipped_for::expired}};
  for (int code = 0; code <= static_cast<int>(errc::internal); ++code) {
    situation s;
    s.at = flow::stage::analyse;
    s.error = fail(dependency::llm, static_cast<errc>(code), "as the case says");
    s.repaired = s.enlarged = true;
    s.fresh_messages = 1;
    if (decide(s).what == action::store_placeholder) out.emplace(skip_reason(static_cast<errc>(code)));
  }
  return out;
}

TEST_CASE("the reasons for which parts are skipped or given up are there from the start, and no others") {
  observe::metrics m{"1.2.3"};
  const auto page = m.expose();
  auto reasons = reasons_of_the_code();
  CHECK(reasons.size() == 9);
  CHECK(labels_of(page, "memory_worker_spans_skipped_total") == reasons);
  reasons.erase(std::string{skipped_for::budget});
  CHECK(labels_of(page, "memory_worker_spans_given_up_total") == reasons);
}

TEST_CASE("a probe of the LLM is a call like others: counted, with its tokens, those of the day as well") {
  auto s = plain_settings();
  s.llm_analyzer.budget_tokens_per_day = 100'000;
  world w{s};
  CHECK(w.metrics.llm_calls.at("probe").Value() == 1);
  w.llm.holds = w.llm.holds_probes = true;
  w.say(1, "ann", "s1");
  w.advance(std::chrono::seconds{6});
  REQUIRE(w.llm.held_probes.size() == 1);
  const double before = w.metrics.llm_tokens.at("input").Value();
  w.llm.probe_costs.prompt_tokens = 90'000;
  w.llm.probe_costs.completion_tokens = 16'000;
  w.llm.answer_probes();
  w.run();
  CHECK(w.metrics.llm_calls.at("probe").Value() == 2);
  CHECK(w.metrics.llm_tokens.at("input").Value() - before == 90'000);
  CHECK(w.metrics.llm_tokens.at("output").Value() == 16'000);
  w.llm.answer_all();
  w.llm.holds = false;
  w.say(2, "bob", "s2");
  w.run();
  CHECK(w.llm.calls.size() == 1);
  REQUIRE(w.store.records.at("s2").skipped.size() == 1);
  CHECK(w.store.records.at("s2").skipped[0].reason == "budget");
}

}  // namespace
}  // namespace mw::test
