// ISO-8601 instants as the chat application and Cosmos write them: "2026-11-23T07:15:21.123456+00:00",
// "...Z", with or without fraction, offset "+02:00" or "+0200"; a missing offset means UTC (Python's naive
// isoformat).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mw {

using wall_time = std::chrono::sys_time<std::chrono::microseconds>;

/// nullopt where the text is not such an instant.
std::optional<wall_time> parse_iso_time(std::string_view text);
/// "2026-11-23T07:15:21.123456+00:00": UTC, always six digits, sorts as text.
std::string format_iso_time(wall_time t);

}  // namespace mw
