#include "protocol/base/written_time.hpp"

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "protocol/base/ascii.hpp"

namespace mw {
namespace {

using std::chrono::microseconds;

constexpr std::array<std::string_view, 12> month_names{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};

/// What is left of a text that is read from the front.
class reader {
 public:
  explicit reader(std::string_view text) : left_(text) {}

  bool done() const { return left_.empty(); }
  bool at_digit() const { return !done() && is_digit(left_[0]); }
  size_t size() const { return left_.size(); }

  bool take(char c) {
    if (done() || left_[0] != c) return false;
    left_.remove_prefix(1);
    return true;
  }
  /// Compares ASCII letters without case; `word` in lower case.
  bool take_word(std::string_view word) {
    if (left_.size() < word.size()) return false;
    for (size_t i = 0; i < word.size(); ++i)
      if (ascii_lower(left_[i]) != word[i]) return false;
    left_.remove_prefix(word.size());
    return true;
  }
  bool take_blanks() {
    const size_t before = left_.size();
    while (take(' ')) continue;
    return left_.size() != before;
  }
  /// From `least` to `most` digits; -1 where there are fewer.
  int number(int least, int most) {
    int out = 0;
    int digits = 0;
    for (; digits < most && at_digit(); ++digits) {
      out = out * 10 + (left_[0] - '0');
      left_.remove_prefix(1);
    }
    return digits < least ? -1 : out;
  }
  void skip_digits() {
    while (at_digit()) left_.remove_prefix(1);
  }
  /// Letters up to something else.
  std::string_view letters() {
    size_t n = 0;
    while (n < left_.size() && is_letter(left_[n])) ++n;
    const auto word = left_.substr(0, n);
    left_.remove_prefix(n);
    return word;
  }
  /// Removes what `open` and `close` enclose at the end.
  void drop_last(char open, char close) {
    if (done() || left_.back() != close) return;
    const size_t at = left_.rfind(open);
    if (at == std::string_view::npos) return;
    left_ = left_.substr(0, at);
    while (!left_.empty() && left_.back() == ' ') left_.remove_suffix(1);
  }

 private:
  std::string_view left_;
};

struct clock_reading {
  int year = -1;
  int month = -1;
  int day = -1;
  int hour = -1;
  int minute = -1;
  int second = 0;
  int64_t micros = 0;
  std::optional<int> offset;  ///< minutes east of UTC; nothing: no zone is named
};

/// What cannot be written with four digits again is no time.
template <class Duration>
std::optional<wall_time> in_range(std::chrono::sys_time<Duration> t) {
  using namespace std::chrono;
  // Compared before it is converted: the finer unit counts less far.
  if (t < sys_time<Duration>{sys_days{year{0} / 1 / 1}} ||
      t >= sys_time<Duration>{sys_days{year{10'000} / 1 / 1}})
    return std::nullopt;
  return t;
}

std::optional<wall_time> instant_of(const clock_reading& c, const naive_zone& zone) {
  using namespace std::chrono;
  if (c.year < 0 || c.month < 1 || c.day < 1 || c.hour < 0 || c.minute < 0 || c.second < 0)
    return std::nullopt;
  const year_month_day date{year{c.year}, month{static_cast<unsigned>(c.month)},
                            day{static_cast<unsigned>(c.day)}};
  if (!date.ok() || c.hour > 23 || c.minute > 59 || c.second > 60) return std::nullopt;
  const wall_time clock = wall_time{sys_days{date}} + hours{c.hour} + minutes{c.minute} + seconds{c.second} +
                          microseconds{c.micros};
  return in_range(c.offset ? clock - minutes{*c.offset} : zone.instant_of(clock));
}

bool read_fraction(reader& r, clock_reading& out) {
  if (!r.take('.') && !r.take(',')) return true;
  if (!r.at_digit()) return false;
  int64_t unit = 100'000;
  for (; unit > 0 && r.at_digit(); unit /= 10) out.micros += unit * r.number(1, 1);
  r.skip_digits();
  return true;
}

/// hh:mm[:ss[.fraction]]
bool read_clock(reader& r, clock_reading& out) {
  out.hour = r.number(1, 2);
  if (!r.take(':')) return false;
  out.minute = r.number(2, 2);
  if (r.take(':')) {
    out.second = r.number(2, 2);
    return out.second >= 0 && read_fraction(r, out);
  }
  return true;
}

/// ±hh[[:]mm[[:]ss]]; false: something else stands there.
bool read_offset(reader& r, clock_reading& out) {
  const bool west = r.take('-');
  if (!west && !r.take('+')) return false;
  const int h = r.number(2, 2);
  r.take(':');
  const int m = r.at_digit() ? r.number(2, 2) : 0;
  if (r.take(':') && r.number(2, 2) < 0) return false;
  if (h < 0 || h > 23 || m < 0 || m > 59) return false;
  out.offset = (west ? -1 : 1) * (h * 60 + m);
  return true;
}

/// Any of "Z", "UTC", "GMT", an offset, several of them that say the same ("+00:00Z", "+0000 UTC"), and what
/// stands in brackets behind. Nothing at all is well too. False where something else is left.
bool read_zone(reader& r, clock_reading& out) {
  r.drop_last('[', ']');
  r.drop_last('(', ')');
  bool utc = false;
  for (r.take_blanks(); !r.done(); r.take_blanks()) {
    if (r.take_word("utc") || r.take_word("gmt") || r.take_word("z")) {
      utc = true;
    } else if (out.offset || !read_offset(r, out)) {
      return false;
    }
  }
  // "GMT+0100": the offset counts.
  if (utc && !out.offset) out.offset = 0;
  return true;
}

std::optional<wall_time> read_iso(std::string_view text, const naive_zone& zone) {
  reader r{text};
  clock_reading c;
  c.year = r.number(4, 4);
  const char between = r.take('-') ? '-' : r.take('/') ? '/' : '\0';
  c.month = r.number(2, 2);
  if (between != '\0' && !r.take(between)) return std::nullopt;
  c.day = r.number(2, 2);
  if (r.take('T') || r.take('t') || r.take_blanks()) {
    if (between != '\0') {
      if (!read_clock(r, c)) return std::nullopt;
    } else {
      c.hour = r.number(2, 2);
      c.minute = r.number(2, 2);
      if (r.at_digit()) c.second = r.number(2, 2);
      if (!read_fraction(r, c)) return std::nullopt;
    }
  } else {
    return std::nullopt;
  }
  if (!read_zone(r, c)) return std::nullopt;
  return instant_of(c, zone);
}

/// Index from 1 of the month with that name; -1: none.
int month_named(std::string_view name) {
  if (name.size() < 3) return -1;
  for (size_t i = 0; i < month_names.size(); ++i) {
    reader r{name};
    if (r.take_word(month_names[i])) return static_cast<int>(i) + 1;
  }
  return -1;
}

/// Behind the month and day of "Mon Mar 02 2026 10:00:02 GMT+0100 (...)" and "Mon Mar  2 09:00:02 2026".
bool read_year_and_clock(reader& r, clock_reading& c) {
  reader clock_first = r;
  c.year = r.number(4, 4);
  if (c.year >= 0) {
    r.take(',');
    return r.take_blanks() && read_clock(r, c);
  }
  r = clock_first;
  if (!read_clock(r, c) || !r.take_blanks()) return false;
  c.year = r.number(4, 4);
  return true;
}

/// "Mon, 02 Mar 2026 09:00:02 GMT", "02-Mar-2026 09:00:02", and month first as above.
std::optional<wall_time> read_named_month(std::string_view text, const naive_zone& zone) {
  reader r{text};
  clock_reading c;
  c.month = month_named(r.letters());
  if (c.month < 0) {
    r.take(',');
    r.take_blanks();
    if (!r.at_digit()) c.month = month_named(r.letters());
  }
  const bool month_first = c.month > 0;
  if (month_first && !r.take_blanks()) return std::nullopt;
  c.day = r.number(1, 2);
  if (month_first) {
    r.take(',');
    if (!r.take_blanks() || !read_year_and_clock(r, c)) return std::nullopt;
  } else {
    if (!r.take('-') && !r.take_blanks()) return std::nullopt;
    c.month = month_named(r.letters());
    if (!r.take('-') && !r.take_blanks()) return std::nullopt;
    c.year = r.number(4, 4);
    r.take(',');
    if (!r.take_blanks() || !read_clock(r, c)) return std::nullopt;
  }
  if (!read_zone(r, c)) return std::nullopt;
  return instant_of(c, zone);
}

/// Digits with an optional fraction; `text` in whole.
std::optional<wall_time> read_digits(std::string_view text, const naive_zone& zone) {
  // 20260302090002: a clock reading, not milliseconds of the year 2612.
  if (text.size() == 14 && (text.starts_with("19") || text.starts_with("20"))) {
    reader r{text};
    clock_reading c;
    c.year = r.number(4, 4);
    c.month = r.number(2, 2);
    c.day = r.number(2, 2);
    c.hour = r.number(2, 2);
    c.minute = r.number(2, 2);
    c.second = r.number(2, 2);
    if (r.done()) return instant_of(c, zone);
  }
  int64_t whole = 0;
  const char* end = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), end, whole); read.ec == std::errc{} && read.ptr == end)
    return time_of_number(whole);
  double number = 0;
  if (const auto read = std::from_chars(text.data(), end, number); read.ec == std::errc{} && read.ptr == end)
    return time_of_number(number);
  return std::nullopt;
}

/// "/Date(1772442002250+0100)/": the offset says where it was, not when.
std::optional<wall_time> read_json_date(std::string_view text) {
  const size_t open = text.find('(');
  const size_t close = text.find_first_of("+-)", open + 1);
  if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
  int64_t ms = 0;
  const char* end = text.data() + close;
  const auto read = std::from_chars(text.data() + open + 1, end, ms);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return in_range(std::chrono::sys_time<std::chrono::milliseconds>{std::chrono::milliseconds{ms}});
}

template <class Number>
std::optional<wall_time> since_1970(Number n) {
  constexpr double to_micros[] = {1e6, 1e3, 1, 1e-3};
  const auto size = static_cast<double>(n);
  if (!(size >= 1e8) || size >= 1e20) return std::nullopt;
  // .NET's ticks of 100 ns since the year 1: between those of 1586 and 2853, where nanoseconds are of 1985 to
  // 1998.
  if (size >= 5e17 && size < 9e17) {
    constexpr int64_t ticks_until_1970 = 621'355'968'000'000'000;
    return in_range(wall_time{microseconds{(static_cast<int64_t>(n) - ticks_until_1970) / 10}});
  }
  const size_t unit = size < 1e11 ? 0 : size < 1e14 ? 1 : size < 1e17 ? 2 : 3;
  return in_range(wall_time{microseconds{std::llround(static_cast<double>(n) * to_micros[unit])}});
}

/// Minutes east of UTC of "+02:00", "-0530"; nothing where the text is no offset.
std::optional<int> offset_named(std::string_view text) {
  reader r{text};
  clock_reading c;
  if (!read_offset(r, c) || !r.done()) return std::nullopt;
  return c.offset;
}

}  // namespace

result<naive_zone> naive_zone::named(std::string_view name) {
  naive_zone out;
  if (name == "UTC" || name == "Z" || name.empty()) return out;
  if (const auto offset = offset_named(name)) {
    if (*offset != 0)
      out.to_utc_ = [by = std::chrono::minutes{*offset}](wall_time clock) { return clock - by; };
    return out;
  }
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(absl::string_view{name.data(), name.size()}, &zone))
    return fail(
        errc::misconfigured,
        fmt::format("\"{}\" is neither an offset such as +02:00 nor a name in the system's zone files "
                    "(package tzdata) such as Europe/Berlin",
                    name));
  out.to_utc_ = [zone](wall_time clock) {
    const auto second = std::chrono::floor<std::chrono::seconds>(clock);
    const absl::CivilSecond shown =
        absl::ToCivilSecond(absl::FromUnixSeconds(second.time_since_epoch().count()), absl::UTCTimeZone());
    return wall_time{std::chrono::seconds{absl::ToUnixSeconds(absl::FromCivil(shown, zone))}} +
           (clock - second);
  };
  return out;
}

std::optional<wall_time> time_of_number(double number) {
  return since_1970(number);
}
std::optional<wall_time> time_of_number(int64_t number) {
  return since_1970(number);
}

std::optional<wall_time> read_written_time(std::string_view text, const naive_zone& zone) {
  if (zone.is_utc())
    if (const auto t = parse_iso_time(text)) return t;
  text = trim(text);
  if (text.empty()) return std::nullopt;
  if (text.starts_with("/Date(")) return read_json_date(text);
  if (text.find_first_not_of("0123456789.+-eE") == std::string_view::npos)
    if (const auto t = read_digits(text, zone)) return t;
  if (const auto t = read_iso(text, zone)) return t;
  return read_named_month(text, zone);
}

}  // namespace mw
