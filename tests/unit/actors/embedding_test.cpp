#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

config::settings embedding_settings() {
  auto s = plain_settings();
  s.llm_analyzer.embeddings_endpoint = std::string{"http://127.0.0.1/v1"};
  return s;
}

double counted(world& w, std::string_view result) {
  return w.metrics.embeddings.at(result).Value();
}

TEST_CASE("a summary is embedded once, after the analysis and before the commit") {
  world w{embedding_settings()};
  w.say(1, "ann", "s1");
  w.run();
  REQUIRE(w.llm.embedded.size() == 1);
  CHECK(w.llm.embedded[0] == "Summary: About m1 m2\nThemes: \nPersons: \nPlaces: \nUser sentiment: neutral");
  CHECK(w.store.records.at("s1").embedding ==
        std::vector<float>{1.0F, static_cast<float>(w.llm.embedded[0].size())});
  CHECK(w.store.writes.size() == 1);
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(counted(w, "ok") == 1);
  CHECK(w.metrics.llm_tokens.at("embedding").Value() == 7);
}

TEST_CASE("nothing is embedded where no deployment is configured") {
  world w;
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.llm.embedded.empty());
  CHECK(w.store.records.at("s1").embedding.empty());
}

TEST_CASE("an embedding that fails costs the job nothing, is counted, and is made with the next analysis") {
  world w{embedding_settings()};
  w.llm.no_embeddings = {fail(dependency::llm, errc::overloaded, "busy")};
  w.say(1, "ann", "s1");
  w.run();
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.store.records.at("s1").summary == "About m1 m2");
  CHECK(w.store.records.at("s1").embedding.empty());
  CHECK(counted(w, "overloaded") == 1);
  w.say(2, "ann", "s1", 4);
  w.run();
  CHECK(w.store.records.at("s1").embedding.size() == 2);
  CHECK(counted(w, "ok") == 1);
}

TEST_CASE("a vector of an older summary does not stay beside a newer one") {
  world w{embedding_settings()};
  w.say(1, "ann", "s1");
  w.run();
  w.llm.no_embeddings = {fail(dependency::llm, errc::timed_out, "slow")};
  w.say(2, "ann", "s1", 4);
  w.run();
  CHECK(w.store.records.at("s1").summary == "About m3 m4");
  CHECK(w.store.records.at("s1").embedding.empty());
}

TEST_CASE("defaults are never embedded") {
  world w{embedding_settings()};
  w.llm.judge = [](const llm::analysis_input&) {
    return std::optional{fail(dependency::llm, errc::refused, "no")};
  };
  w.say(1, "ann", "s1");
  w.advance(seconds{2});
  CHECK(w.store.records.at("s1").status == memory::record_status::defaults);
  CHECK(w.llm.embedded.empty());
}

TEST_CASE("an analyzer that crashes while the embedding is made pays for neither again") {
  world w{embedding_settings()};
  w.llm.holds_embeddings = true;
  w.say(1, "ann", "s1");
  w.run();
  REQUIRE(w.llm.held_embeddings.size() == 1);
  w.crash(actor_of::analyzer);
  w.advance(seconds{2});
  for (auto& go : std::exchange(w.llm.held_embeddings, {})) go();
  w.advance(seconds{1});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.calls.size() == 1);
  CHECK(w.llm.embedded.size() == 1);
  CHECK(w.store.records.at("s1").embedding.size() == 2);
  CHECK(w.answers_kept() == 0);
}

TEST_CASE("an answer that is saved for resumption has its embedding with it") {
  world w{embedding_settings()};
  w.store.refuse_writes = {fail(dependency::memory, errc::overloaded, "busy")};
  w.say(1, "ann", "s1");
  w.run();
  REQUIRE(w.redis.answers.size() == 1);
  CHECK(w.redis.answers.begin()->second.find("\"vector_embedding\":[1,") != std::string::npos);
  w.advance(seconds{30});
  CHECK(w.bus.settled == texts{"1 complete"});
  CHECK(w.llm.embedded.size() == 1);
  CHECK(w.store.records.at("s1").embedding.size() == 2);
}

TEST_CASE("with little of the quota left calls are spread over time, before the LLM has to refuse one") {
  auto s = plain_settings();
  s.llm_analyzer.max_output_tokens = 1'000;
  world w{s};
  // A call takes 1,100 tokens (100 of prompt, 1,000 at most of answer); 66,000 a minute make one a second.
  w.llm.left.tokens = {1'100, 66'000, {}};
  w.say(1, "ann", "s0");
  w.run();
  w.llm.left = {};
  w.llm.holds = true;
  for (int i = 1; i <= 5; ++i) w.say(1 + i, fmt::format("user-{}", i), fmt::format("s{}", i));
  w.run();
  CHECK(w.llm.held() == 1);
  w.advance(milliseconds{900});
  CHECK(w.llm.held() == 1);
  w.advance(milliseconds{200});
  CHECK(w.llm.held() == 2);
  w.advance(seconds{3});
  CHECK(w.llm.held() == 5);
  CHECK(w.metrics.llm_quota_left.at("tokens").Value() == 1'100);
}

TEST_CASE("a quota that reads as empty never stops the only call") {
  world w;
  w.llm.left.tokens = {0, 1'000, {}};
  for (int i = 1; i <= 4; ++i) w.say(i, fmt::format("user-{}", i), fmt::format("s{}", i));
  w.run();
  CHECK(w.bus.settled.size() == 4);
}

}  // namespace
}  // namespace mw::test
