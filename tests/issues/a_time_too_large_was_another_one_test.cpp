// A JSON date of .NET with more milliseconds than our clock counts became some other time, in the past or the
// future.
#include <doctest/doctest.h>

#include "protocol/base/written_time.hpp"

namespace mw {
namespace {

TEST_CASE("a JSON date beyond the years with four digits is no time") {
  for (const auto* text : {"/Date(178000000000078000-0500)/", "/Date(9223372036854775807)/",
                           "/Date(-9223372036854775808)/", "/Date(253402300800000)/",
                           // 2^64 / 1000 and a little: a whole turn of the clock
                           "/Date(18446744073709552)/", "/Date(18448524073709552)/"}) {
    CAPTURE(text);
    CHECK_FALSE(read_written_time(text, {}));
  }
  CHECK(read_written_time("/Date(253402300799999)/", {}) == parse_iso_time("9999-12-31T23:59:59.999Z"));
}

}  // namespace
}  // namespace mw
