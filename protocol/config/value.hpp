// Values as people write them and as the program uses them. `literal` is what the file's syntax says (typed
// by its spelling); `value` is what an option holds. Environment and command line give bare text, read by the
// option's type. No function here ever puts a text it was given for a secret into a message. Durations: whole
// numbers with ns, us, ms, s, min, h; sizes: bytes, or a string with kB/MB/GB (1000) or KiB/MiB/GiB (1024).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/ascii.hpp"
#include "protocol/base/errors.hpp"

namespace mw::config {

struct literal {
  enum class kind : uint8_t { text, atom, boolean, integer, real, duration, list };
  kind type = kind::text;
  std::string text;  ///< of text and atom
  bool flag = false;
  int64_t integer = 0;
  double real = 0;
  std::chrono::nanoseconds time{};
  std::vector<literal> items;
};

/// "a string", "a duration", ...
std::string_view describe(literal::kind type);

/// monostate: the option is not set (only options without a default).
using value = std::variant<std::monostate, bool, int64_t, double, std::chrono::milliseconds, std::string>;

/// Reads an integer, float or duration at text[pos] and moves pos behind it; the failure's detail says what
/// was expected.
result<literal> scan_number(std::string_view text, size_t& pos);
/// "1048576", "256MiB", "256 MiB".
result<int64_t> read_bytes(std::string_view text);
/// true/false, yes/no, on/off, 1/0 in any case.
result<bool> read_flag(std::string_view text);
/// "90s", "5min", "1500ms": the largest unit that divides it.
std::string write_duration(std::chrono::milliseconds t);
/// "256MiB" where it divides, else the number.
std::string write_bytes(int64_t n);
/// Shortest spelling that reads back as the same number and as a float: "0.25", "1.0".
std::string write_real(double x);
/// A string with quotes and escapes of the file's syntax.
std::string write_text(std::string_view text);

}  // namespace mw::config
