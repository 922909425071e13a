#include "protocol/config/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace mw::config {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

struct unit {
  std::string_view name;
  int64_t factor;
};
constexpr std::array<unit, 6> time_units{{{"ns", 1},
                                          {"us", 1'000},
                                          {"ms", 1'000'000},
                                          {"s", 1'000'000'000},
                                          {"min", 60'000'000'000},
                                          {"h", 3'600'000'000'000}}};
constexpr std::array<unit, 8> size_units{{{"", 1},
                                          {"B", 1},
                                          {"kB", 1'000},
                                          {"MB", 1'000'000},
                                          {"GB", 1'000'000'000},
                                          {"KiB", 1 << 10},
                                          {"MiB", 1 << 20},
                                          {"GiB", 1 << 30}}};

failure expected(std::string what) {
  return fail(errc::misconfigured, std::move(what));
}

bool multiply(int64_t& n, int64_t factor) {
  return !__builtin_mul_overflow(n, factor, &n);
}

result<literal> finish_integer(std::string_view digits, int base, bool negative) {
  literal out;
  out.type = literal::kind::integer;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.integer, base);
  if (error == std::errc::result_out_of_range) return expected("a number of at most 64 bits");
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.empty())
    return expected("a number");
  if (negative) out.integer = -out.integer;
  return out;
}

}  // namespace

std::string_view describe(literal::kind type) {
  switch (type) {
    case literal::kind::text:
      return "a string";
    case literal::kind::atom:
      return "an atom";
    case literal::kind::boolean:
      return "a boolean";
    case literal::kind::integer:
      return "an integer";
    case literal::kind::real:
      return "a float";
    case literal::kind::duration:
      return "a duration";
    case literal::kind::list:
      return "a list";
  }
  return "nothing";
}

result<literal> scan_number(std::string_view text, size_t& pos) {
  size_t i = pos;
  const auto at = [&](size_t k) { return k < text.size() ? text[k] : '\0'; };
  const bool negative = at(i) == '-';
  if (at(i) == '-' || at(i) == '+') ++i;
  if (at(i) == '0' && (at(i + 1) == 'x' || at(i + 1) == 'X')) {
    const size_t start = i + 2;
    for (i = start; std::isxdigit(static_cast<unsigned char>(at(i))) != 0;) ++i;
    auto out = finish_integer(text.substr(start, i - start), 16, negative);
    if (out) pos = i;
    return out;
  }
  const size_t start = i;
  while (is_digit(at(i))) ++i;
  const size_t whole = i;
  bool real = false;
  if (at(i) == '.') {
    real = true;
    ++i;
    while (is_digit(at(i))) ++i;
  }
  if (i - start == (real ? 1u : 0u)) return expected("a number");
  if ((at(i) == 'e' || at(i) == 'E') &&
      (is_digit(at(i + 1)) || ((at(i + 1) == '-' || at(i + 1) == '+') && is_digit(at(i + 2))))) {
    real = true;
    i += 2;
    while (is_digit(at(i))) ++i;
  }
  if (real) {
    if (is_letter(at(i))) return expected("a duration that is a whole number, as 1500ms");
    literal out;
    out.type = literal::kind::real;
    const auto [end, error] = std::from_chars(text.data() + start, text.data() + i, out.real);
    if (error != std::errc{} || end != text.data() + i || !std::isfinite(out.real))
      return expected("a float");
    if (negative) out.real = -out.real;
    pos = i;
    return out;
  }
  if (whole - start > 1 && text[start] == '0') return expected("a number without leading zero");
  auto out = finish_integer(text.substr(start, whole - start), 10, negative);
  if (!out) return out;
  size_t end = i;
  while (is_letter(at(end))) ++end;
  if (end > i) {
    const auto name = text.substr(i, end - i);
    const auto* const u =
        std::find_if(time_units.begin(), time_units.end(), [&](const unit& x) { return x.name == name; });
    if (u == time_units.end()) return expected("a time unit (ns, us, ms, s, min, h)");
    if (!multiply(out->integer, u->factor)) return expected("a duration of less than 290 years");
    out->type = literal::kind::duration;
    out->time = nanoseconds{out->integer};
  }
  pos = end;
  return out;
}

result<int64_t> read_bytes(std::string_view text) {
  text = trim(text);
  size_t i = 0;
  while (i < text.size() && is_digit(text[i])) ++i;
  auto number = finish_integer(text.substr(0, i), 10, false);
  const auto name = trim(text.substr(i));
  const auto* const u =
      std::find_if(size_units.begin(), size_units.end(), [&](const unit& x) { return x.name == name; });
  if (!number || u == size_units.end() || !multiply(number->integer, u->factor))
    return expected("a size, as 1048576 or \"256MiB\"");
  return number->integer;
}

result<bool> read_flag(std::string_view text) {
  const auto word = lower_case(trim(text));
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return expected("true or false");
}

std::string write_duration(milliseconds t) {
  const auto n = t.count();
  if (n == 0) return "0s";
  if (n % 3'600'000 == 0) return fmt::format("{}h", n / 3'600'000);
  if (n % 60'000 == 0) return fmt::format("{}min", n / 60'000);
  if (n % 1'000 == 0) return fmt::format("{}s", n / 1'000);
  return fmt::format("{}ms", n);
}

std::string write_bytes(int64_t n) {
  if (n != 0) {
    for (auto u = size_units.rbegin();
         u->factor > 1'000'000'000 || u->name.find('i') != std::string_view::npos; ++u)
      if (n % u->factor == 0) return fmt::format("\"{}{}\"", n / u->factor, u->name);
  }
  return fmt::format("{}", n);
}

std::string write_real(double x) {
  auto text = fmt::format("{}", x);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string write_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace mw::config
