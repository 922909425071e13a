// Times as programs write them: ISO-8601 in its many hands (Python, .NET, Java, Go, Ruby), RFC 1123,
// JavaScript's Date, JSON dates of .NET, and seconds, milliseconds, microseconds or nanoseconds since 1970.
// Called for what a chat application wrote; what we write ourselves is iso_time.hpp's. A time without a zone
// is taken for the given zone's. Pure but for naive_zone::named, which reads the system's zone files.
// Unreadable: nullopt.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "protocol/base/errors.hpp"
#include "protocol/base/iso_time.hpp"

namespace mw {

/// The zone of times that name none. UTC unless it is told otherwise.
class naive_zone {
 public:
  naive_zone() = default;

  /// "UTC", a fixed offset ("+02:00", "-0530") or a name of the IANA database ("Europe/Berlin").
  /// errc::misconfigured names what is wrong; a name needs the system's zone files.
  static result<naive_zone> named(std::string_view name);

  bool is_utc() const { return !to_utc_; }
  /// The instant of a clock reading there. Of an hour that comes twice the first; of one that never comes the
  /// instant of the change.
  wall_time instant_of(wall_time clock) const { return to_utc_ ? to_utc_(clock) : clock; }

 private:
  std::function<wall_time(wall_time)> to_utc_;
};

std::optional<wall_time> read_written_time(std::string_view text, const naive_zone& zone);

/// Since 1970, in the unit that its size tells: below 10^11 seconds, below 10^14 milliseconds, below 10^17
/// microseconds, nanoseconds beyond. Numbers below 10^8 (1973 in seconds) are no times.
std::optional<wall_time> time_of_number(double number);
std::optional<wall_time> time_of_number(int64_t number);

}  // namespace mw
