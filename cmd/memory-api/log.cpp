#include "cmd/memory-api/log.hpp"

#include <unistd.h>

#include <array>
#include <string>

#include "protocol/base/iso_time.hpp"
#include "protocol/base/json_writer.hpp"

namespace mw::api {

void log::write(log_level level, std::string_view event, std::initializer_list<field> fields) const {
  if (!enabled(level)) return;
  static constexpr std::array<std::string_view, 4> names{"debug", "info", "warning", "error"};
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::string line;
  json_writer out{line};
  out.begin_object().field("time", format_iso_time(now)).field("level", names.at(static_cast<size_t>(level)));
  out.field("event", event);
  for (const auto& [name, value] : fields) out.field(name, value);
  out.end_object();
  line += '\n';
  // One write a line keeps lines of several threads whole; a log that cannot be written is not an error here.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace mw::api
