// A zero below zero in a vector was written as -0 and read back as 0: the document changed though nobody
// changed it.
#include <doctest/doctest.h>

#include "protocol/memory/documents_json.hpp"

namespace mw::memory {
namespace {

TEST_CASE("a record with a zero below zero is written the same again") {
  const auto read = parse_record(R"({"userId":"u","sessionId":"s","vector_embedding":[0.25,-0.0,-1e-60,3]})");
  REQUIRE(read);
  const auto written = write_record(*read);
  CHECK(written.find(R"("vector_embedding":[0.25,0,0,3])") != std::string::npos);
  const auto again = parse_record(written);
  REQUIRE(again);
  CHECK(write_record(*again) == written);
}

}  // namespace
}  // namespace mw::memory
