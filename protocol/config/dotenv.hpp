// Reads a `.env` file that may be shared with other programs: KEY=VALUE, optional `export `, blanks round
// '=', '#' comments, values bare, in 'single' (taken as they are) or in "double" quotes (escapes \n \r \t \"
// \\ \$); quoted ones may go over several lines. No variable expansion. A bare value ends at " #". Nothing in
// it is an error here: what cannot be read is told, and the next line is read as if it had not been there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mw::config {

struct dotenv_entry {
  std::string key;
  std::string value;
  uint32_t line = 0;
  std::string trouble;  ///< not empty: what was expected in place of the value
};

struct dotenv {
  std::vector<dotenv_entry> entries;
  std::vector<uint32_t> passed_over;  ///< lines that are not KEY=VALUE
};

dotenv parse_dotenv(std::string_view text);

}  // namespace mw::config
