// The parser of memory-worker.conf: the syntax of CAF 0.17's configuration files. `[section]` heads or
// `section { key = value }` groups, `;` comments; values: "string" with \" \\ \n \r \t, 'atom', true, false,
// 42, 0x2A, 1.5, 10ns 5us 1500ms 2s 5min 1h, <uri>, [lists]. Groups nest: the section of an entry is then
// "a.b". Says nothing about which keys exist. Never throws; a syntax error is one line
// "NAME:LINE:COLUMN: expected WHAT" that quotes nothing of the file (it may be a secret). Columns count bytes
// from 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"
#include "protocol/config/value.hpp"

namespace mw::config {

struct position {
  uint32_t line = 1;
  uint32_t column = 1;
};

struct file_entry {
  std::string section;
  std::string key;
  literal content;
  position key_at;
  position value_at;
};

/// Entries in the file's order; `name` is used in the error line.
result<std::vector<file_entry>> parse_file(std::string_view text, std::string_view name);

}  // namespace mw::config
