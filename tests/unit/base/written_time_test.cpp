#include "protocol/base/written_time.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using mw::naive_zone;
using mw::read_written_time;
using mw::time_of_number;

namespace {

int64_t us(const std::optional<mw::wall_time>& t) {
  return t ? t->time_since_epoch().count() : -1;
}
int64_t read_us(std::string_view text, const naive_zone& zone = {}) {
  return us(read_written_time(text, zone));
}

constexpr int64_t second = 1'772'442'002'000'000;
constexpr int64_t with_fraction = second + 250'000;

}  // namespace

TEST_CASE("a time is read however Python, .NET, Java, Go, Ruby and JavaScript write it") {
  for (const char* text : {"2026-03-02T09:00:02.250000+00:00",
                           "2026-03-02T09:00:02.2500001Z",
                           "2026-03-02T09:00:02.250000123Z",
                           "2026-03-02T14:30:02.250+05:30",
                           "2026-03-02T14:30:02.250+0530",
                           "2026-03-02T09:00:02.250",
                           "2026-03-02T09:00:02.250000+00:00Z",
                           "2026-03-02 09:00:02.250 UTC",
                           "2026-03-02 09:00:02,250",
                           "2026-03-02 09:00:02.25 +0000 UTC",
                           "2026-03-02 10:00:02.25 +0100",
                           "2026-03-02T10:00:02.250+01:00[Europe/Berlin]",
                           "2026-03-02T09:00:02.250Z[UTC]",
                           "2026/03/02 09:00:02.250",
                           "20260302T090002.250Z",
                           " 2026-03-02T09:00:02.25Z\n",
                           "1772442002250",
                           "1772442002.25",
                           "1772442002250000",
                           "1772442002250000000",
                           "639080388022500000",
                           "/Date(1772442002250)/",
                           "/Date(1772442002250+0100)/",
                           "1.77244200225e9"}) {
    CAPTURE(text);
    CHECK(read_us(text) == with_fraction);
  }
  for (const char* text :
       {"2026-03-02T09:00:02Z", "2026-03-02T10:00:02+01", "Mon, 02 Mar 2026 09:00:02 GMT",
        "Mon, 2 Mar 2026 10:00:02 +0100", "02 Mar 2026 09:00:02 UTC", "02-Mar-2026 09:00:02",
        "Mon Mar 02 2026 10:00:02 GMT+0100 (Central European Standard Time)", "Mon Mar  2 09:00:02 2026",
        "Mar 2, 2026 09:00:02", "March 2, 2026, 09:00:02", "Monday, 2 March 2026 09:00:02", "1772442002",
        "20260302090002", "20260302T090002Z"}) {
    CAPTURE(text);
    CHECK(read_us(text) == second);
  }
  CHECK(read_us("2026-03-02T09:00Z") == second - 2'000'000);
}

TEST_CASE("what is no instant is not guessed") {
  for (const char* text : {"",
                           " ",
                           "2026-03-02",
                           "yesterday",
                           "2026-13-45T99:99:99Z",
                           "2026-02-30T09:00:02Z",
                           "9:00",
                           "03/02/2026 09:00:02",
                           "3/2/2026 9:00:02 AM",
                           "2026-03-02T09:00:02+",
                           "2026-03-02T09:00:02Zulu",
                           "2026-03-02T09:00:02+99:00",
                           "Mon",
                           "Mon, 02 Foo 2026 09:00:02 GMT",
                           "Mar",
                           "0",
                           "-1",
                           "12345",
                           "1e400",
                           "nan",
                           "inf",
                           "20261332090002",
                           "/Date()/",
                           "/Date(x)/",
                           "Date(",
                           "0000-01-01T00:00:00+23:59",
                           "9999-12-31T23:59:59-23:59",
                           "99999999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(read_written_time(text, {}));
  }
}

TEST_CASE("a number is seconds, milliseconds, microseconds or nanoseconds by its size") {
  CHECK(us(time_of_number(int64_t{1'772'442'002})) == second);
  CHECK(us(time_of_number(int64_t{1'772'442'002'250})) == with_fraction);
  CHECK(us(time_of_number(1'772'442'002.25)) == with_fraction);
  CHECK(us(time_of_number(int64_t{1'772'442'002'250'000})) == with_fraction);
  CHECK(us(time_of_number(int64_t{1'772'442'002'250'000'000})) == with_fraction);
  CHECK_FALSE(time_of_number(int64_t{2026}));
  CHECK_FALSE(time_of_number(int64_t{-1'772'442'002}));
}

TEST_CASE("a time without a zone is UTC, or of the zone that the configuration names") {
  const auto east = naive_zone::named("+05:30");
  const auto berlin = naive_zone::named("Europe/Berlin");
  REQUIRE(east);
  REQUIRE(berlin);
  CHECK(read_us("2026-03-02T14:30:02.250", *east) == with_fraction);
  CHECK(read_us("2026-03-02 10:00:02.250", *berlin) == with_fraction);
  CHECK(read_us("Mon Mar  2 10:00:02 2026", *berlin) == second);
  CHECK(read_us("2026-07-02T11:00:02", *berlin) == read_us("2026-07-02T09:00:02Z"));
  // A zone that is named counts.
  CHECK(read_us("2026-03-02T09:00:02.250Z", *berlin) == with_fraction);
  CHECK(read_us("1772442002.25", *berlin) == with_fraction);
  CHECK(naive_zone::named("UTC")->is_utc());
}

TEST_CASE("an hour that comes twice or never is still an instant") {
  const auto berlin = naive_zone::named("Europe/Berlin");
  REQUIRE(berlin);
  CHECK(read_us("2026-10-25T02:30:00", *berlin) == read_us("2026-10-25T00:30:00Z"));
  CHECK(read_us("2026-03-29T02:30:00", *berlin) == read_us("2026-03-29T01:00:00Z"));
}

TEST_CASE("a zone that is not there is named, and what would be one") {
  for (const char* name : {"Middle/Earth", "local", "+25:00", "../../etc/passwd", "CEST?"}) {
    const auto zone = naive_zone::named(name);
    CAPTURE(name);
    REQUIRE_FALSE(zone);
    CHECK(zone.error().detail.find(name) != std::string::npos);
    CHECK(zone.error().detail.find("Europe/Berlin") != std::string::npos);
  }
}
