#include "protocol/base/iso_time.hpp"

#include <doctest/doctest.h>

using mw::format_iso_time;
using mw::parse_iso_time;

TEST_CASE("iso time: offsets are taken into account, and what is written is read back") {
  const auto t = parse_iso_time("2026-11-23T07:15:21.5+02:00");
  REQUIRE(t);
  CHECK(format_iso_time(*t) == "2026-11-23T05:15:21.500000+00:00");
  CHECK(parse_iso_time(format_iso_time(*t)) == t);
}

TEST_CASE("iso time: an offset that leads out of the years with four digits makes it no time") {
  CHECK_FALSE(parse_iso_time("0000-01-01T00:00:00+23:59"));
  CHECK_FALSE(parse_iso_time("9999-12-31T23:59:59-23:59"));
  CHECK(parse_iso_time("0000-01-01T00:00:00Z"));
  CHECK(parse_iso_time("9999-12-31T23:59:59Z"));
}
