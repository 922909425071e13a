// OpenTelemetry's variables as its specification wants them read: platforms set them for every container, so
// what we do not support is told and passed over, and never stops the worker. No text here holds a value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/config/options.hpp"

namespace mw::config {

/// Whether `variable` is one of them.
bool is_otel(std::string_view variable);

struct otel_reading {
  std::optional<value> taken;  ///< none: as if the variable were not set
  std::string_view cause;      ///< unsupported-value, unreadable-value; empty: nothing to tell
  std::string words;           ///< what is wrong, without variable and value
  bool grpc = false;           ///< OTLP over gRPC is asked for: nothing can be exported
};

otel_reading read_otel(const option& o, std::string_view text);

/// For the case that nothing else was said of the protocol.
extern const std::string_view grpc_words;

}  // namespace mw::config
