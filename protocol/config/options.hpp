// THE option table: what can be configured, said once a row. Parser, validation, environment, --help,
// reference page, printed configuration and reload are all made from it. A row binds a key of a section to a
// field of settings; the default is the field's initialiser. Options are named "section.key" everywhere.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/config/settings.hpp"
#include "protocol/config/value.hpp"

namespace mw::config {

enum class option_type : uint8_t { text, url, secret, boolean, integer, bytes, real, duration, choice };

struct option {
  std::string_view section;
  std::string_view key;
  option_type type{};
  double min = -std::numeric_limits<double>::infinity();  ///< of the number; milliseconds of a duration
  double max = std::numeric_limits<double>::infinity();
  std::string_view unit;                      ///< what an integer counts
  std::vector<std::string_view> environment;  ///< the first that is set is taken
  std::vector<std::string_view> choices;      ///< in the order of the enum
  std::string_view default_note;              ///< where the default isn't the initialiser: what it is
  std::string_view required;                  ///< not empty: `run` needs it; says what is missing
  bool reloadable = false;
  bool host = false;  ///< a text that is a host's name or address alone
  std::string_view doc;
  std::function<value(const settings&)> get;
  /// The value has the type and range of this row.
  std::function<void(settings&, const value&)> set;

  std::string name() const { return std::string{section} + "." + std::string{key}; }
};

/// In the order of the flow; one object for the life of the process.
const std::vector<option>& options();
/// nullptr where there is none.
const option* find_option(std::string_view section, std::string_view key);

/// A value of a file, checked against the row. Failure detail: what is wrong and the fix, without place and
/// key; it holds nothing of a secret.
result<value> check(const option& o, const literal& content);
/// The same for the bare text of an environment variable or the command line.
result<value> check_text(const option& o, std::string_view text);

/// In the file's syntax: 50000, "text", 60s, true; "***" for a secret that is set, empty for no value.
std::string write_value(const option& o, const value& v);
/// "1 .. 1000000", "fresh | balanced | cheap", or empty.
std::string write_range(const option& o);
/// "a duration", "one of fresh, balanced, cheap", ...
std::string describe(const option& o);

}  // namespace mw::config
