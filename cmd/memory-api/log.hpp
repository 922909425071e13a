// The server's log: one JSON object a line on stderr, {"time","level","event",...}. Never a text of a memory
// or a message, never a token. Thread-safe.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>

#include "protocol/base/log_level.hpp"

namespace mw::api {

class log {
 public:
  using field = std::pair<std::string_view, std::string_view>;
  explicit log(log_level least) : least_(least) {}
  void write(log_level level, std::string_view event, std::initializer_list<field> fields = {}) const;
  bool enabled(log_level level) const { return level >= least_; }

 private:
  log_level least_;
};

}  // namespace mw::api
