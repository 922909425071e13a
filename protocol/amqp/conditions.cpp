#include "protocol/amqp/conditions.hpp"

#include <optional>

#include "protocol/base/utf8.hpp"

namespace mw::amqp {
namespace {

struct row {
  std::string_view condition;
  errc code;
};

constexpr row table[] = {
    // the link or connection ended, a new one helps
    {"amqp:link:detach-forced", errc::connection_lost},
    {"amqp:connection:forced", errc::connection_lost},
    {"amqp:connection:framing-error", errc::connection_lost},
    {"amqp:link:stolen", errc::connection_lost},
    {"com.microsoft:container-close", errc::connection_lost},
    {"com.microsoft:partition-not-owned", errc::connection_lost},
    {"com.microsoft:store-lock-lost", errc::connection_lost},
    // the broker is in trouble
    {"amqp:internal-error", errc::overloaded},
    {"com.microsoft:operation-cancelled", errc::overloaded},
    {"com.microsoft:timeout", errc::timed_out},
    // slow down
    {"com.microsoft:server-busy", errc::throttled},
    {"amqp:resource-limit-exceeded", errc::throttled},
    // a person must look
    {"amqp:unauthorized-access", errc::unauthorized},
    {"com.microsoft:auth-failed", errc::unauthorized},
    {"amqp:not-found", errc::not_found},
    {"com.microsoft:entity-disabled", errc::not_found},
    {"amqp:not-allowed", errc::misconfigured},
    {"amqp:not-implemented", errc::misconfigured},
    // about one delivery
    {"com.microsoft:message-lock-lost", errc::lock_lost},
    {"com.microsoft:session-lock-lost", errc::lock_lost},
    {"com.microsoft:message-not-found", errc::lock_lost},
    {"com.microsoft:session-cannot-be-locked", errc::conflict},
    {"amqp:link:message-size-exceeded", errc::too_large},
    {"amqp:decode-error", errc::rejected},
    {"com.microsoft:argument-error", errc::rejected},
    {"com.microsoft:argument-out-of-range", errc::rejected},
};

std::optional<errc> known(std::string_view condition) {
  for (const auto& r : table)
    if (r.condition == condition) return r.code;
  return std::nullopt;
}

errc of_status(int code) {
  switch (code) {
    case 401:
      return errc::unauthorized;
    case 403:
      return errc::forbidden;
    case 404:
      return errc::not_found;
    case 408:
      return errc::timed_out;
    case 410:
      return errc::lock_lost;
    case 429:
    case 503:
      return errc::throttled;
    case 500:
    case 502:
    case 504:
      return errc::overloaded;
    case 501:
      return errc::misconfigured;
    default:
      return errc::rejected;
  }
}

std::string sentence(std::string_view what, std::string_view middle, const error_words& e) {
  constexpr size_t longest = 400;
  std::string text{what};
  if (!middle.empty()) text.append(": ").append(middle);
  if (!e.name.empty()) text.append(": ").append(e.name);
  if (!e.description.empty()) text.append(": ").append(e.description);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return std::string{utf8_prefix(text, longest)};
}

}  // namespace

failure map_condition(std::string_view what, const error_words& e, errc otherwise) {
  return fail(dependency::bus, known(e.name).value_or(otherwise), sentence(what, {}, e));
}

failure map_status(std::string_view what, int code, const error_words& e) {
  return fail(dependency::bus, known(e.name).value_or(of_status(code)),
              sentence(what, "status " + std::to_string(code), e));
}

}  // namespace mw::amqp
