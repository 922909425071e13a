#include "protocol/base/float_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace mw {
namespace {

/// Nine significant digits name every float.
constexpr uint32_t beyond_nine_digits = 1'000'000'000;
constexpr size_t longest = 24;

struct magnitude {
  double from;   ///< numbers from here on, below ten times that
  double scale;  ///< give nine digits by it
};
constexpr std::array<magnitude, 5> magnitudes{
    {{0.1, 1e9}, {0.01, 1e10}, {0.001, 1e11}, {0.0001, 1e12}, {0.00001, 1e13}}};

struct digit_pairs {
  std::array<char, 200> text{};
  constexpr digit_pairs() {
    for (size_t i = 0; i < 100; ++i) {
      text[2 * i] = static_cast<char>('0' + i / 10);
      text[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
  }
};
constexpr digit_pairs pairs;

char* put_pair(char* to, uint32_t two_digits) {
  std::memcpy(to, pairs.text.data() + size_t{2} * two_digits, 2);
  return to + 2;
}

char* put_nine(char* to, uint32_t digits) {
  *to++ = static_cast<char>('0' + digits / 100'000'000);
  const uint32_t high = digits / 10'000 % 10'000;
  const uint32_t low = digits % 10'000;
  to = put_pair(to, high / 100);
  to = put_pair(to, high % 100);
  to = put_pair(to, low / 100);
  return put_pair(to, low % 100);
}

/// Between 0.00001 and 1; false: it is not.
bool put_fraction(char*& to, double v) {
  for (size_t zeros = 0; zeros < magnitudes.size(); ++zeros) {
    if (v < magnitudes[zeros].from) continue;
    const auto digits = static_cast<uint32_t>(v * magnitudes[zeros].scale + 0.5);
    if (digits >= beyond_nine_digits) return false;
    std::memcpy(to, "0.0000", 6);
    to = put_nine(to + 2 + zeros, digits);
    while (to[-1] == '0') --to;
    return true;
  }
  return false;
}

char* put_float(char* to, float v) {
  // A zero below zero would be written as -0, a whole number that is read as 0.
  if (v == 0 || !std::isfinite(v)) {
    *to = '0';
    return to + 1;
  }
  char* const begin = to;
  if (v < 0) *to++ = '-';
  const double size = std::fabs(static_cast<double>(v));
  if (size < 1 && put_fraction(to, size)) return to;
  return std::to_chars(begin, begin + longest, v).ptr;
}

}  // namespace

void append_floats(std::string& out, const std::vector<float>& values) {
  const size_t before = out.size();
  out.resize(before + values.size() * (longest + 1));
  char* to = out.data() + before;
  for (const float v : values) {
    to = put_float(to, v);
    *to++ = ',';
  }
  if (!values.empty()) --to;
  out.resize(static_cast<size_t>(to - out.data()));
}

}  // namespace mw
