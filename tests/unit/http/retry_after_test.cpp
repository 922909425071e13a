#include <doctest/doctest.h>

#include "protocol/http/client.hpp"

using namespace std::chrono_literals;
using mw::http::response;

TEST_CASE(
    "retry_after: milliseconds before seconds before a date, nonsense is nothing, ten minutes at most") {
  const auto now = std::chrono::system_clock::from_time_t(784111777);  // Sun, 06 Nov 1994 08:49:37 GMT
  const auto of = [&](std::vector<std::pair<std::string, std::string>> headers) {
    response r;
    r.headers = std::move(headers);
    return mw::http::retry_after(r, now);
  };
  CHECK(of({}) == 0ms);
  CHECK(of({{"retry-after", "2"}}) == 2000ms);
  CHECK(of({{"retry-after", "0.5"}}) == 500ms);
  CHECK(of({{"retry-after", "7"}, {"retry-after-ms", "1250"}}) == 1250ms);
  CHECK(of({{"retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"}}) == 10s);
  CHECK(of({{"retry-after", "Sun, 06 Nov 1994 08:49:27 GMT"}}) == 0ms);
  CHECK(of({{"retry-after", "86400"}}) == 10min);
  CHECK(of({{"retry-after", "1e300"}}) == 10min);
  CHECK(of({{"retry-after", "-5"}}) == 0ms);
  CHECK(of({{"retry-after", "nan"}}) == 0ms);
  CHECK(of({{"retry-after", "soon"}}) == 0ms);
  CHECK(of({{"retry-after", "Fri, 31 Dec 2300 23:59:59 GMT"}}) == 0ms);  // no time our clock can count to
}

TEST_CASE("date_of: the peer's clock, ours where it says nothing one can read") {
  const auto ours = std::chrono::system_clock::from_time_t(1000);
  response r;
  CHECK(mw::http::date_of(r, ours) == ours);
  r.headers = {{"date", "Sun, 06 Nov 1994 08:49:37 GMT"}};
  CHECK(mw::http::date_of(r, ours) == std::chrono::system_clock::from_time_t(784111777));
  for (const auto* unreadable : {"noon", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 1680 00:00:00 GMT"}) {
    r.headers = {{"date", unreadable}};
    CHECK(mw::http::date_of(r, ours) == ours);
  }
}
