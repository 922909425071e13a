#include "protocol/flow/small_share.hpp"

#include <doctest/doctest.h>

namespace mw::flow {
namespace {

int uses_in(small_share& s, int calls) {
  int used = 0;
  for (int n = 0; n < calls; ++n) {
    s.called();
    if (s.take()) ++used;
  }
  return used;
}

TEST_CASE("one use in twenty calls is within a share of 5 %, and the first is free") {
  small_share s{20, 5};
  CHECK(s.take());
  CHECK_FALSE(s.take());
  CHECK(uses_in(s, 1'000) == 50);
}

TEST_CASE("only a few uses are saved up") {
  small_share s{20, 5};
  for (int n = 0; n < 10'000; ++n) s.called();
  int used = 0;
  while (s.take()) ++used;
  CHECK(used == 5);
}

}  // namespace
}  // namespace mw::flow
