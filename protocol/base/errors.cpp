#include "protocol/base/errors.hpp"

namespace mw {

std::string_view to_string(errc code) {
  switch (code) {
    case errc::unreachable:
      return "unreachable";
    case errc::timed_out:
      return "timed-out";
    case errc::connection_lost:
      return "connection-lost";
    case errc::overloaded:
      return "overloaded";
    case errc::throttled:
      return "throttled";
    case errc::unauthorized:
      return "unauthorized";
    case errc::forbidden:
      return "forbidden";
    case errc::not_found:
      return "not-found";
    case errc::misconfigured:
      return "misconfigured";
    case errc::rejected:
      return "rejected";
    case errc::too_large:
      return "too-large";
    case errc::conflict:
      return "conflict";
    case errc::lock_lost:
      return "lock-lost";
    case errc::no_memory:
      return "no-memory";
    case errc::invalid_event:
      return "invalid-event";
    case errc::owner_mismatch:
      return "owner-mismatch";
    case errc::conversation_missing:
      return "conversation-missing";
    case errc::message_missing:
      return "message-missing";
    case errc::conversation_malformed:
      return "conversation-malformed";
    case errc::not_storable:
      return "not-storable";
    case errc::malformed:
      return "malformed";
    case errc::unsupported_parameter:
      return "unsupported-parameter";
    case errc::invalid_answer:
      return "invalid-answer";
    case errc::truncated:
      return "truncated";
    case errc::context_too_long:
      return "context-too-long";
    case errc::refused:
      return "refused";
    case errc::content_filtered:
      return "content-filtered";
    case errc::budget_exhausted:
      return "budget-exhausted";
    case errc::open_files:
      return "open-files";
    case errc::stale:
      return "stale";
    case errc::crashed:
      return "crashed";
    case errc::cancelled:
      return "cancelled";
    case errc::internal:
      return "internal";
  }
  return "unknown";
}

std::string_view to_string(dependency from) {
  switch (from) {
    case dependency::none:
      return "worker";
    case dependency::bus:
      return "service-bus";
    case dependency::redis:
      return "redis";
    case dependency::llm:
      return "llm";
    case dependency::memory:
      return "memory-store";
  }
  return "unknown";
}

std::string to_string(const failure& f) {
  std::string text{to_string(f.from)};
  text.append(": ").append(to_string(f.code));
  if (!f.detail.empty()) text.append(": ").append(f.detail);
  return text;
}

error_class classify(errc code) {
  switch (code) {
    case errc::unreachable:
    case errc::timed_out:
    case errc::connection_lost:
    case errc::overloaded:
    case errc::open_files:
    case errc::stale:
    case errc::crashed:
    case errc::cancelled:
    case errc::conflict:
    case errc::lock_lost:
    case errc::malformed:
      return error_class::transient;
    case errc::throttled:
      return error_class::throttled;
    case errc::unauthorized:
    case errc::forbidden:
    case errc::not_found:
    case errc::misconfigured:
    case errc::internal:
      return error_class::fatal;
    case errc::invalid_event:
    case errc::owner_mismatch:
    case errc::conversation_missing:
    case errc::message_missing:
    case errc::conversation_malformed:
    case errc::not_storable:
    case errc::too_large:
      return error_class::poison;
    default:
      return error_class::rejected;
  }
}

}  // namespace mw
