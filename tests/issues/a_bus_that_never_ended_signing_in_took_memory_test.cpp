// A bus that sent its SASL mechanisms again and again was answered each time: half a gigabyte, until the peer
// had enough.
#include <doctest/doctest.h>

#include "protocol/amqp/frame_tap.hpp"

namespace mw::amqp {
namespace {

constexpr std::string_view mechanisms{
    "\x00\x00\x00\x19\x02\x01\x00\x00\x00\x53\x40\xc0\x0c\x01\xa3\x09"
    "ANONYMOUS",
    25};
constexpr std::string_view heartbeat{"\x00\x00\x00\x08\x02\x00\x00\x00", 8};

TEST_CASE("a bus that does not end signing in is no AMQP peer") {
  frame_tap tap{"link", 262'144};
  std::string passed;
  for (uint32_t n = 0; n < frame_tap::most_sasl_frames; ++n) CHECK(tap.feed(mechanisms, passed));
  CHECK(passed.size() == frame_tap::most_sasl_frames * mechanisms.size());
  CHECK_FALSE(tap.feed(mechanisms, passed));
}

TEST_CASE("other frames may come as often as they like") {
  frame_tap tap{"link", 262'144};
  std::string passed;
  for (int n = 0; n < 1'000; ++n) {
    passed.clear();
    REQUIRE(tap.feed(heartbeat, passed));
  }
}

}  // namespace
}  // namespace mw::amqp
