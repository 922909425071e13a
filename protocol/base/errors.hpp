// The one error vocabulary of the project. Every fallible function returns result<T>; nothing throws across a
// module or actor boundary. `failure` says what happened (code), where (from), and in words a person can act
// on (detail: names the thing and the fix, never a secret, never conversation text). The verdict table
// (protocol/flow/verdict.hpp) maps a failure to what is done with the delivery.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace mw {

/// Who failed us.
enum class dependency : uint8_t { none, bus, redis, llm, memory };

/// What happened. The value's comment says when it is used.
enum class errc : uint8_t {
  // --- the dependency could not be used (class transient) ---
  unreachable,      ///< connect refused, DNS, TLS handshake, no route
  timed_out,        ///< our own finite time-out passed
  connection_lost,  ///< an established connection ended before the answer came
  overloaded,       ///< the dependency says so: HTTP 408/500/502/503/504, Redis LOADING/TRYAGAIN/CLUSTERDOWN
  // --- asked to slow down (class throttled) ---
  throttled,  ///< HTTP 429, com.microsoft:server-busy; failure.retry_after is set when the peer said it
  // --- the dependency refuses us (class fatal: configuration or permission) ---
  unauthorized,   ///< 401, Redis NOAUTH/WRONGPASS, amqp:unauthorized-access
  forbidden,      ///< 403, Redis NOPERM
  not_found,      ///< 404 of an endpoint or deployment or entity (not the absence of one document)
  misconfigured,  ///< our own configuration cannot work (bad URL, missing key)
  // --- this request is refused, others may pass (class rejected) ---
  rejected,   ///< HTTP 400/422 without a better code
  too_large,  ///< larger than a cap: conversation, body, HTTP 413
  conflict,   ///< 409, 412: somebody else wrote first
  lock_lost,  ///< com.microsoft:message-lock-lost or a 410 of $management
  no_memory,  ///< Redis OOM, READONLY: writes are refused
  // --- the content is bad for ever (class poison) ---
  invalid_event,           ///< body not JSON, a field missing or empty, wrong eventType
  owner_mismatch,          ///< conversation's userId differs from the event's
  conversation_missing,    ///< no such key in Redis
  message_missing,         ///< the event's message is not in the conversation
  conversation_malformed,  ///< the stored conversation cannot be read
  not_storable,            ///< our own side knows that the store holds no such event: its ids
  malformed,  ///< a peer's answer that is not the protocol (bad JSON from an API, bad RESP, bad AMQP)
  // --- the LLM's own ways to fail ---
  unsupported_parameter,  ///< 400 with error.param: drop or rename that field; detail holds the parameter's
                          ///< name
  invalid_answer,         ///< answer does not fit the schema
  truncated,              ///< finish_reason length
  context_too_long,       ///< 400 context_length_exceeded
  refused,                ///< message.refusal
  content_filtered,       ///< prompt or answer filtered
  budget_exhausted,       ///< budget of user or day
  // --- ours ---
  open_files,  ///< our own limit of open files is reached: says nothing about whoever was to be connected to
  stale,       ///< loaded under another epoch or base; load anew
  crashed,     ///< the actor that ran the job died in it
  cancelled,   ///< stopped by us: shutdown, restart
  internal,    ///< a broken invariant of ours: always a bug
};

struct failure {
  errc code{};
  dependency from = dependency::none;
  std::string detail;                       ///< one line, no secret, no conversation text
  std::chrono::milliseconds retry_after{};  ///< 0: the peer did not say
};

std::string_view to_string(errc code);
std::string_view to_string(dependency from);
/// "redis: unreachable: connect 127.0.0.1:6379: Connection refused"
std::string to_string(const failure& f);

/// How a failure is treated; see docs/design.md 6.
enum class error_class : uint8_t { transient, throttled, rejected, poison, fatal };
error_class classify(errc code);

/// A value or a failure. `if (r) use(*r); else report(r.error());`
template <class T>
class [[nodiscard]] result {
 public:
  using value_type = T;
  template <class U = T>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, result> &&
           !std::is_same_v<std::remove_cvref_t<U>, failure>) result(U&& value)
      : v_(std::in_place_index<0>, std::forward<U>(value)) {}
  result(failure f) : v_(std::in_place_index<1>, std::move(f)) {}
  explicit operator bool() const { return v_.index() == 0; }
  bool has_value() const { return v_.index() == 0; }
  T& operator*() & { return std::get<0>(v_); }
  const T& operator*() const& { return std::get<0>(v_); }
  T&& operator*() && { return std::move(std::get<0>(v_)); }
  T* operator->() { return &std::get<0>(v_); }
  const T* operator->() const { return &std::get<0>(v_); }
  failure& error() { return std::get<1>(v_); }
  const failure& error() const { return std::get<1>(v_); }

 private:
  std::variant<T, failure> v_;
};

struct ok_t {};
/// For functions with nothing to return.
using status = result<ok_t>;
inline constexpr ok_t ok{};

inline failure fail(errc code, std::string detail) {
  return {code, dependency::none, std::move(detail), {}};
}
inline failure fail(dependency from, errc code, std::string detail) {
  return {code, from, std::move(detail), {}};
}

}  // namespace mw
