// Long outages of several dependencies at once, with and without kills, in virtual time: nothing is lost,
// nothing is dead-lettered, no count is burnt but by a kill, and the publishers' rate is back soon after
// recovery.
#include <doctest/doctest.h>

#include "tests/unit/flow/outage_model.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;
using namespace std::chrono_literals;

namespace {

constexpr dependency all[] = {dependency::redis, dependency::llm, dependency::memory, dependency::bus};

void costs_time_only(const outage_figures& f) {
  CHECK(f.published > 1'000);
  CHECK(f.lost == 0);
  CHECK(f.dead_lettered == 0);
  CHECK(f.counts_burnt <= f.held_at_kills + f.lapsed_without_bus);
  CHECK(f.recovered_after > 0s);
  CHECK(f.recovered_after <= 10s);
}

/// Every dependency, and every two of them, away as `plan` says; `also` looks at the figures of each.
template <class F>
void every_pair_costs_time_only(const outage_plan& plan, F&& also) {
  for (size_t a = 0; a < 4; ++a)
    for (size_t b = a; b < 4; ++b) {
      CAPTURE(to_string(all[a]));
      CAPTURE(to_string(all[b]));
      outage_plan p = plan;
      p.of = {all[a], all[b]};
      const auto f = outage_model{p}.run();
      costs_time_only(f);
      also(f);
    }
}

}  // namespace

TEST_CASE("every dependency, and every two of them, away for five minutes cost time, not messages") {
  every_pair_costs_time_only({}, [](const outage_figures& f) { CHECK(f.held_at_kills == 0); });
}

TEST_CASE("the same with a hold limit of a minute: what is given back is not counted") {
  outage_plan p;
  p.hold_limit = 60s;
  every_pair_costs_time_only(p, [](const outage_figures& f) { CHECK(f.held_at_kills == 0); });
}

TEST_CASE("the same with a kill every thirty seconds: each costs one count of what was held, never more") {
  outage_plan p;
  p.kill_every = 30s;
  every_pair_costs_time_only(p, [](const outage_figures&) {});
}

TEST_CASE("half an hour without the LLM and the store, conversations by the thousand") {
  outage_plan p;
  p.of = {dependency::llm, dependency::memory};
  p.lasts = 30min;
  const auto f = outage_model{p}.run();
  costs_time_only(f);
  CHECK(f.published > 5'000);
}
