// A small database of the Memory API for targets: made once, copied for each input, so that what happens
// depends on the input alone. In TMPDIR; run removes that.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cmd/memory-api/sqlite_store.hpp"

namespace mw::fuzz {

/// Of the user u: a profile, and the records of the sessions s1 to s3. Of the user v: a record of t.
const std::string& database_bytes();
/// Writes the bytes to the one file of this process and gives its name; what was there before is gone.
const std::string& database_file(std::string_view bytes);

memory::commit commit_of(std::string user, std::string session, std::string summary);
wall_time database_time();

}  // namespace mw::fuzz
