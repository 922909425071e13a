// What the broker's error conditions and status codes mean to us and what is done about them: one table, a
// test per row. Used for a closed connection, session or link, for a refused disposition, and for the answers
// of
// `$cbs` and `$management`. Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"

namespace mw::amqp {

/// The broker's words; an empty name means it gave none.
struct error_words {
  std::string name;
  std::string description;
};

/// What helps where a link, session or connection ended, or a request was refused.
enum class reaction : uint8_t {
  retry,      ///< a passing trouble of the broker: again, on what is there or on a new link
  wait,       ///< throttled: again after a pause of seconds; link, connection and locks are kept
  reattach,   ///< that link is over, a new one on the same connection helps
  reconnect,  ///< the connection is over
  stop,       ///< configuration or permission: not ready, slow retry, a person must look
  give_up     ///< about this one delivery or request: never again
};
std::string_view to_string(reaction r);

/// By the condition; of an ended link without one, or with one that is unknown: reattach.
reaction reaction_to(const error_words& e);
/// Where only the failure is left: by its code.
reaction reaction_to(errc code);

struct reattach_policy {
  std::chrono::milliseconds first{100};    ///< doubled with each attempt, at most 5 s
  std::chrono::milliseconds busy{4'000};   ///< after `wait`; doubled three times at most
  std::chrono::milliseconds slow{30'000};  ///< after `stop`
  unsigned attempts = 5;  ///< of retry and reattach, without a link that stayed; then a new connection
};
/// The pause before the link is attached again on the same connection; nullopt: a new connection is needed.
/// `attempt` counts from 0 since a link stayed attached for some seconds; `jitter` is in [0, 1).
std::optional<std::chrono::milliseconds> pause_before_attach(reaction r, unsigned attempt, double jitter,
                                                             const reattach_policy& p);

/// `otherwise` is for a condition that is unknown or missing. The detail is "<what>: <condition>:
/// <description>", cut to one line.
failure map_condition(std::string_view what, const error_words& e, errc otherwise);

/// The answer of a request that is not 2xx: the condition decides where it is known, else the status code.
failure map_status(std::string_view what, int code, const error_words& e);

}  // namespace mw::amqp
