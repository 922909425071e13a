#include "protocol/chat/said_times.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace mw::chat;
using mw::parse_iso_time;
using mw::wall_time;

namespace {

std::string minute(int n) {
  return fmt::format("2026-11-23T11:{:02}:00+00:00", n);
}
wall_time at(int n) {
  return *parse_iso_time(minute(n));
}

/// Messages "m1", "m2", ... of the user's with these timestamps, all fresh.
struct scene {
  conversation c;
  cut all;
  explicit scene(const std::vector<std::string>& timestamps) {
    for (const auto& t : timestamps) {
      const size_t n = c.messages.size();
      c.messages.push_back({fmt::format("m{}", n + 1), role::user, "text", t});
      all.fresh.push_back(n);
    }
  }
  std::vector<int> minutes(const clocks& k, const std::optional<watermark>& base = std::nullopt) const {
    std::vector<int> out;
    for (const auto t : said_times(c, all, base, k))
      out.push_back(static_cast<int>(std::chrono::duration_cast<std::chrono::minutes>(t - at(0)).count()));
    return out;
  }
};

clocks event_of(const char* message, int enqueued, int now) {
  return {message, at(enqueued), at(enqueued), at(now)};
}

using list = std::vector<int>;

}  // namespace

TEST_CASE("a message was said when its timestamp says") {
  CHECK(scene{{minute(1), minute(2), minute(5)}}.minutes(event_of("m3", 6, 7)) == list{1, 2, 5});
}

TEST_CASE("a timestamp that cannot be read is the event's enqueued time") {
  CHECK(scene{{"", "yesterday"}}.minutes(event_of("m2", 9, 20)) == list{9, 9});
}

TEST_CASE("a message is no later than the next one and no older than the one before it") {
  CHECK(scene{{minute(1), "", minute(5), ""}}.minutes(event_of("m4", 9, 20)) == list{1, 5, 5, 9});
  CHECK(scene{{minute(4), minute(2), minute(6)}}.minutes(event_of("m3", 9, 20)) == list{4, 4, 6});
}

TEST_CASE("what lies behind the stored watermark is no older than it; what is tried again before it may be") {
  scene s{{minute(1), minute(6), minute(3)}};
  CHECK(s.minutes(event_of("m3", 9, 20), watermark{"m2", minute(6)}) == list{1, 6, 6});
  s.all.fresh = {2};
  CHECK(s.minutes(event_of("m3", 9, 20), watermark{"m2", minute(6)}) == list{6});
}

TEST_CASE("a timestamp in the future counts as the present, not for ever") {
  const scene s{{"2999-01-01T00:00:00Z", minute(5), "2999-01-01T00:00:00Z"}};
  CHECK(s.minutes(event_of("m2", 6, 30)) == list{6, 6, 30});
  CHECK(scene{{minute(8)}}.minutes(event_of("m1", 7, 30)) == list{7});
}
