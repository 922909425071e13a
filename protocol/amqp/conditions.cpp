#include "protocol/amqp/conditions.hpp"

#include <algorithm>

#include "protocol/base/utf8.hpp"

namespace mw::amqp {
namespace {

struct row {
  std::string_view condition;
  errc code;
  reaction what;
};

constexpr row table[] = {
    // the link ended, a new one helps (the first also for a link that was idle for ten minutes)
    {"amqp:link:detach-forced", errc::connection_lost, reaction::reattach},
    {"amqp:link:stolen", errc::connection_lost, reaction::reattach},
    {"com.microsoft:partition-not-owned", errc::connection_lost, reaction::reattach},
    {"com.microsoft:store-lock-lost", errc::connection_lost, reaction::reattach},
    // the connection ended
    {"amqp:connection:forced", errc::connection_lost, reaction::reconnect},
    {"amqp:connection:framing-error", errc::connection_lost, reaction::reconnect},
    // the broker is in trouble
    {"amqp:internal-error", errc::overloaded, reaction::retry},
    {"com.microsoft:operation-cancelled", errc::overloaded, reaction::retry},
    {"com.microsoft:timeout", errc::timed_out, reaction::retry},
    // slow down
    {"com.microsoft:server-busy", errc::throttled, reaction::wait},
    {"com.microsoft:container-close", errc::throttled, reaction::wait},
    // a person must look
    {"amqp:unauthorized-access", errc::unauthorized, reaction::stop},
    {"com.microsoft:auth-failed", errc::unauthorized, reaction::stop},
    {"amqp:not-found", errc::not_found, reaction::stop},
    {"com.microsoft:entity-disabled", errc::not_found, reaction::stop},
    {"amqp:not-allowed", errc::misconfigured, reaction::stop},
    {"amqp:not-implemented", errc::misconfigured, reaction::stop},
    {"amqp:resource-limit-exceeded", errc::throttled, reaction::stop},
    // about one delivery or request
    {"com.microsoft:message-lock-lost", errc::lock_lost, reaction::give_up},
    {"com.microsoft:session-lock-lost", errc::lock_lost, reaction::give_up},
    {"com.microsoft:message-not-found", errc::lock_lost, reaction::give_up},
    {"com.microsoft:session-cannot-be-locked", errc::conflict, reaction::give_up},
    {"amqp:link:message-size-exceeded", errc::too_large, reaction::give_up},
    {"amqp:decode-error", errc::rejected, reaction::give_up},
    {"com.microsoft:argument-error", errc::rejected, reaction::give_up},
    {"com.microsoft:argument-out-of-range", errc::rejected, reaction::give_up},
};

const row* known(std::string_view condition) {
  for (const auto& r : table)
    if (r.condition == condition) return &r;
  return nullptr;
}

errc code_of(const error_words& e, errc otherwise) {
  const row* r = known(e.name);
  return r == nullptr ? otherwise : r->code;
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

std::string_view to_string(reaction r) {
  switch (r) {
    case reaction::retry:
      return "retry";
    case reaction::wait:
      return "wait";
    case reaction::reattach:
      return "reattach";
    case reaction::reconnect:
      return "reconnect";
    case reaction::stop:
      return "stop";
    case reaction::give_up:
      return "give-up";
  }
  return "unknown";
}

reaction reaction_to(const error_words& e) {
  const row* r = known(e.name);
  return r == nullptr ? reaction::reattach : r->what;
}

reaction reaction_to(errc code) {
  if (classify(code) == error_class::fatal) return reaction::stop;
  return classify(code) == error_class::throttled ? reaction::wait : reaction::retry;
}

std::optional<std::chrono::milliseconds> pause_before_attach(reaction r, unsigned attempt, double jitter,
                                                             const reattach_policy& p) {
  using std::chrono::milliseconds;
  const auto stretched = [](milliseconds m, double by) {
    return milliseconds{static_cast<int64_t>(static_cast<double>(m.count()) * by)};
  };
  constexpr milliseconds most{5'000};
  switch (r) {
    case reaction::wait:
      return stretched(p.busy * (int64_t{1} << std::min(attempt, 3U)), 1 + jitter / 2);
    case reaction::stop:
      return stretched(p.slow, 1 + jitter);
    case reaction::reconnect:
      return std::nullopt;
    default:
      if (attempt >= p.attempts) return std::nullopt;
      return stretched(std::min(most, p.first * (int64_t{1} << attempt)), 0.5 + jitter / 2);
  }
}

failure map_condition(std::string_view what, const error_words& e, errc otherwise) {
  return fail(dependency::bus, code_of(e, otherwise), sentence(what, {}, e));
}

failure map_status(std::string_view what, int code, const error_words& e) {
  return fail(dependency::bus, code_of(e, of_status(code)),
              sentence(what, "status " + std::to_string(code), e));
}

}  // namespace mw::amqp
