#include "protocol/cosmos/session_tokens.hpp"

#include <doctest/doctest.h>

using mw::cosmos::session_tokens;

TEST_CASE("the latest session token of each container is kept, answers may come out of order") {
  session_tokens t;
  CHECK(t.latest("a").empty());
  t.note("a", "0:-1#12");
  t.note("a", "0:-1#9");
  t.note("b", "0:-1#3");
  CHECK(t.latest("a") == "0:-1#12");
  CHECK(t.latest("b") == "0:-1#3");
  t.note("a", "0:2#1#4=5");
  CHECK(t.latest("a") == "0:2#1#4=5");
  t.note("a", "0:1#900#4=5");
  CHECK(t.latest("a") == "0:2#1#4=5");
}

TEST_CASE("tokens of several partition ranges are sent together") {
  session_tokens t;
  t.note("a", "0:-1#12");
  t.note("a", "1:-1#7#0=3,2:-1#8");
  CHECK(t.latest("a") == "0:-1#12,1:-1#7#0=3,2:-1#8");
  t.note("a", "nonsense");
  t.note("a", ":x");
  CHECK(t.latest("a") == "0:-1#12,1:-1#7#0=3,2:-1#8");
  t.forget("a");
  CHECK(t.latest("a").empty());
}
