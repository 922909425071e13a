// A second look at a text that the strict parser refused: what Python and models write where JSON has no word
// for it is replaced, so that a field which nobody reads spoils nothing beside it.
//   NaN, Infinity, -Infinity, integers beyond 64 bits, 1e400   null
//   a number too small for a double                            0
//   None, True, False                                          null, true, false
//   a control character inside a string                        its escape
//   \' inside a string                                         '
//   a backslash before any other sign but u                    an escaped backslash
//   a comma before } or ]                                      nothing
// Everything else must be JSON; then the answer is a text that the strict parser takes. Else it is the place
// of the first fault: its byte, counted from 0, and its path, which names identifiers only, never values.
// Linear in time and memory. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace mw {

struct json_fault {
  size_t offset = 0;
  std::string path;  ///< "$.messages[3].role"; a name that is no identifier stands as "?"
  const char* what = "";
};

/// "unexpected sign at byte 32, $.userId"
std::string to_string(const json_fault& f);

/// The text as plain JSON, or where it cannot be read as such. Nesting deeper than 1,000 levels is a fault.
std::variant<std::string, json_fault> read_leniently(std::string_view json);

struct first_value {
  std::optional<std::string> json;  ///< nullopt: no whole value stands there
  size_t end = 0;                   ///< one past the value, or past what was looked at
};
/// The value at the beginning of a text that may go on with something else.
first_value read_first_value(std::string_view text);

}  // namespace mw
