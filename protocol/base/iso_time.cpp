#include "protocol/base/iso_time.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace mw {
namespace {

/// Reads exactly `digits` decimal digits at `pos`; false where there are fewer.
bool read_number(std::string_view s, size_t& pos, int digits, int& out) {
  out = 0;
  for (int i = 0; i < digits; ++i, ++pos) {
    if (pos >= s.size() || s[pos] < '0' || s[pos] > '9') return false;
    out = out * 10 + (s[pos] - '0');
  }
  return true;
}

bool read_char(std::string_view s, size_t& pos, char c) {
  if (pos >= s.size() || s[pos] != c) return false;
  ++pos;
  return true;
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
  int h = 0;
  int m = 0;
  if (!read_number(s, pos, 2, h)) return false;
  if (pos < s.size() && s[pos] == ':') ++pos;
  if (pos < s.size() && !read_number(s, pos, 2, m)) return false;
  if (h > 23 || m > 59 || pos != s.size()) return false;
  minutes = sign * (h * 60 + m);
  return true;
}

}  // namespace

std::optional<wall_time> parse_iso_time(std::string_view s) {
  using namespace std::chrono;
  size_t pos = 0;
  int y = 0;
  int mo = 0;
  int d = 0;
  int h = 0;
  int mi = 0;
  int sec = 0;
  int64_t micros = 0;
  int offset = 0;
  if (!read_number(s, pos, 4, y) || !read_char(s, pos, '-') || !read_number(s, pos, 2, mo) ||
      !read_char(s, pos, '-') || !read_number(s, pos, 2, d))
    return std::nullopt;
  if (pos >= s.size() || (s[pos] != 'T' && s[pos] != 't' && s[pos] != ' ')) return std::nullopt;
  ++pos;
  if (!read_number(s, pos, 2, h) || !read_char(s, pos, ':') || !read_number(s, pos, 2, mi))
    return std::nullopt;
  if (pos < s.size() && s[pos] == ':') {
    ++pos;
    if (!read_number(s, pos, 2, sec)) return std::nullopt;
  }
  if (!read_fraction(s, pos, micros) || !read_offset(s, pos, offset)) return std::nullopt;
  const year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
  if (!date.ok() || h > 23 || mi > 59 || sec > 60) return std::nullopt;
  const wall_time t = wall_time{sys_days{date}} + hours{h} + minutes{mi} + seconds{sec} +
                      microseconds{micros} - minutes{offset};
  // What the offset moves out of the years with four digits could not be written again.
  const int in_utc{year_month_day{floor<days>(t)}.year()};
  if (in_utc < 0 || in_utc > 9999) return std::nullopt;
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
