// Reads a `.env` file: KEY=VALUE a line, optional `export `, '#' comments, values bare, in 'single' (taken
// as they are) or in "double" quotes (escapes \n \r \t \" \\ \$). No variable expansion. A bare value ends
// at " #". Errors: misconfigured, one line "NAME:LINE: expected WHAT" without the value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/errors.hpp"

namespace mw::config {

struct dotenv_entry {
  std::string key;
  std::string value;
  uint32_t line = 0;
};

result<std::vector<dotenv_entry>> parse_dotenv(std::string_view text, std::string_view name);

}  // namespace mw::config
