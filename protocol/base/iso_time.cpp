#include "protocol/base/iso_time.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace mw {
namespace {

constexpr int no_number = -1'000'000;

/// The two decimal digits at `pos`; negative where there are fewer.
int two_digits(std::string_view s, size_t pos) {
  if (pos + 2 > s.size()) return no_number;
  const unsigned tens = static_cast<unsigned char>(s[pos]) - unsigned{'0'};
  const unsigned ones = static_cast<unsigned char>(s[pos + 1]) - unsigned{'0'};
  return tens > 9 || ones > 9 ? no_number : static_cast<int>(tens * 10 + ones);
}

bool read_fraction(std::string_view s, size_t& pos, int64_t& micros) {
  micros = 0;
  if (pos >= s.size() || (s[pos] != '.' && s[pos] != ',')) return true;
  ++pos;
  int digits = 0;
  for (; pos < s.size() && s[pos] >= '0' && s[pos] <= '9'; ++pos, ++digits)
    if (digits < 6) micros = micros * 10 + (s[pos] - '0');
  if (digits == 0) return false;
  for (; digits < 6; ++digits) micros *= 10;
  return true;
}

bool read_offset(std::string_view s, size_t& pos, int& minutes) {
  minutes = 0;
  if (pos == s.size()) return true;
  if (s[pos] == 'Z' || s[pos] == 'z') return ++pos == s.size();
  if (s[pos] != '+' && s[pos] != '-') return false;
  const int sign = s[pos++] == '-' ? -1 : 1;
  const int h = two_digits(s, pos);
  pos += 2;
  if (pos < s.size() && s[pos] == ':') ++pos;
  int m = 0;
  if (pos < s.size()) {
    m = two_digits(s, pos);
    pos += 2;
  }
  if (h < 0 || m < 0 || h > 23 || m > 59 || pos != s.size()) return false;
  minutes = sign * (h * 60 + m);
  return true;
}

}  // namespace

std::optional<wall_time> parse_iso_time(std::string_view s) {
  using namespace std::chrono;
  // "2026-11-23T07:15", then seconds, fraction and offset.
  if (s.size() < 16 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't' && s[10] != ' ') ||
      s[13] != ':')
    return std::nullopt;
  const int y = two_digits(s, 0) * 100 + two_digits(s, 2);
  const int mo = two_digits(s, 5);
  const int d = two_digits(s, 8);
  const int h = two_digits(s, 11);
  const int mi = two_digits(s, 14);
  size_t pos = 16;
  int sec = 0;
  if (pos < s.size() && s[pos] == ':') {
    sec = two_digits(s, pos + 1);
    pos += 3;
  }
  if (y < 0 || mo < 0 || d < 0 || h < 0 || mi < 0 || sec < 0) return std::nullopt;
  int64_t micros = 0;
  int offset = 0;
  if (!read_fraction(s, pos, micros) || !read_offset(s, pos, offset)) return std::nullopt;
  const year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
  if (!date.ok() || h > 23 || mi > 59 || sec > 60) return std::nullopt;
  const wall_time t = wall_time{sys_days{date}} + hours{h} + minutes{mi} + seconds{sec} +
                      microseconds{micros} - minutes{offset};
  // What the offset moves out of the years with four digits could not be written again.
  constexpr wall_time first = sys_days{year{0} / 1 / 1};
  constexpr wall_time end = sys_days{year{10'000} / 1 / 1};
  if (t < first || t >= end) return std::nullopt;
  return t;
}

std::string format_iso_time(wall_time t) {
  using namespace std::chrono;
  const auto day_start = floor<days>(t);
  const year_month_day date{day_start};
  const hh_mm_ss<microseconds> clock{t - day_start};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace mw
