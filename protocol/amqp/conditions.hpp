// What the broker's error conditions and status codes mean to us: one table, a test per row. Used for a
// closed connection, session or link, for a refused disposition, and for the answers of `$cbs` and
// `$management`. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "protocol/errors.hpp"

namespace mw::amqp {

/// The broker's words; an empty name means it gave none.
struct error_words {
  std::string name;
  std::string description;
};

/// `otherwise` is for a condition that is unknown or missing. The detail is "<what>: <condition>:
/// <description>", cut to one line.
failure map_condition(std::string_view what, const error_words& e, errc otherwise);

/// The answer of a request that is not 2xx: the condition decides where it is known, else the status code.
failure map_status(std::string_view what, int code, const error_words& e);

}  // namespace mw::amqp
