// The process's limit of open files. HTTP connections are many, everything else is a few: so they are not
// opened into the last files, which are kept for the bus, Redis, the admin port and names to be looked up.
// Running out is a fault of this process, errc::open_files, and says nothing about a dependency.
#pragma once

#include <cstdint>
#include <string>

namespace mw::io {

/// What everything but HTTP has open in quiet times: event loops, the bus, Redis, the admin port, databases.
inline constexpr uint64_t files_of_others = 40;
/// Not for HTTP connections, whoever has the rest: scrapes, names to be looked up, connections made anew.
inline constexpr uint64_t kept_back_files = 24;

/// Raises the soft limit to the hard one; for the start of a program. The limit in force from now on.
uint64_t raise_open_files_limit();
uint64_t open_files_limit();
/// How many HTTP connections fit beside all others; at least 1.
uint64_t connections_that_fit(uint64_t limit);
/// Whether a new connection may have this file, or must be closed again.
bool may_be_connection(int fd);
/// errno says that no file is left, to this process or to the system.
bool is_out_of_files(int error);
/// No further connection may be opened now: what a look-up that failed for another reason seemingly fell to.
bool files_are_used_up();
/// One line: what is the matter and how it is mended.
std::string out_of_files_words();

}  // namespace mw::io
