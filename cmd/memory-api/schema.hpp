// The database's tables and their version. Called once at start, before any other use of the file.
#pragma once

#include "cmd/memory-api/sqlite.hpp"

namespace mw::api {

inline constexpr int64_t schema_version = 2;

/// Creates the tables in an empty database, brings an older one up to date, and makes sure that writing
/// works. errc::misconfigured, with the fix: the file is another program's, newer than this program, or
/// read-only.
status prepare_schema(connection& db);

}  // namespace mw::api
