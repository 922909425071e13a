// The four levels of the log, in rising order; shared by configuration (process.log-level) and the log.
#pragma once

#include <cstdint>

namespace mw {

enum class log_level : uint8_t { debug, info, warning, error };

}  // namespace mw
