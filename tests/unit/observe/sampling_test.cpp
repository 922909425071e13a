// Which trace ids a ratio takes, as OpenTelemetry's C++ library (1.19) decided when recorded/sampled was
// written.
#include "protocol/observe/trace/sampling.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

using namespace mw::observe;

namespace {

std::array<uint8_t, 16> trace_id(const std::string& hex) {
  std::array<uint8_t, 16> id{};
  REQUIRE(hex.size() == 2 * id.size());
  for (size_t i = 0; i < id.size(); ++i)
    id[i] = static_cast<uint8_t>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  return id;
}

}  // namespace

// Among the ids are those next to each ratio's border, and those that read from the other end would be on the
// border's other side.
TEST_CASE("sampling: the same trace ids are taken as by OpenTelemetry's library") {
  constexpr std::array<double, 5> ratios{0.001, 0.1, 0.25, 0.5, 0.99};
  std::ifstream recorded{MW_SOURCE_DIR "/tests/unit/observe/recorded/sampled"};
  std::string id;
  std::string decisions;  // one digit a ratio
  int ids = 0;
  for (; recorded >> id >> decisions; ++ids) {
    REQUIRE(decisions.size() == ratios.size());
    for (size_t i = 0; i < ratios.size(); ++i)
      for (const auto kind : {sampler_kind::traceidratio, sampler_kind::parentbased_traceidratio})
        CHECK_MESSAGE(sampling(kind, ratios[i]).takes(trace_id(id)) == (decisions[i] == '1'), id, " at ",
                      ratios[i]);
  }
  CHECK(ids == 64);
}

TEST_CASE("sampling: the ends of the ratio take every trace id, or none") {
  for (const auto& id : {std::array<uint8_t, 16>{}, trace_id(std::string(32, 'f'))}) {
    CHECK_FALSE(sampling(sampler_kind::traceidratio, 0).takes(id));
    CHECK(sampling(sampler_kind::traceidratio, 1).takes(id));
    CHECK_FALSE(sampling(sampler_kind::always_off, 1).takes(id));
    CHECK(sampling(sampler_kind::always_on, 0).takes(id));
  }
}
