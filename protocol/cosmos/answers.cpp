#include "protocol/cosmos/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "protocol/base/utf8.hpp"
#include "protocol/cosmos/signing.hpp"
#include "protocol/memory/json_fields.hpp"

namespace mw::cosmos {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr int behind_session = 1002;
constexpr int owner_missing = 1003;
constexpr int token_refused = 5300;
constexpr int write_forbidden = 3;
constexpr int account_not_in_region = 1008;
constexpr auto longest_wait = 1'000ms;
constexpr auto clock_tolerance = 5min;
constexpr unsigned most_throttled = 9;
constexpr unsigned most_retry_with = 8;
constexpr unsigned most_behind = 5;
constexpr unsigned most_unavailable = 2;
constexpr size_t max_message_bytes = 200;

bool failing_over(int status, int sub) {
  return status == 403 && (sub == write_forbidden || sub == account_not_in_region);
}

bool unavailable(int status, int sub) {
  return status == 408 || status == 410 || status == 500 || status == 502 || status == 503 || status == 504 ||
         failing_over(status, sub);
}

/// Doubles from `first`, with full jitter above its half.
milliseconds backoff(milliseconds first, unsigned tries, double chance) {
  const double top = static_cast<double>(first.count()) * std::pow(2.0, std::min(tries - 1, 10U));
  return milliseconds{static_cast<int64_t>(top * (0.5 + chance / 2))};
}

next_step again(const question& q, unsigned most, milliseconds wait, std::string_view cause) {
  if (q.tries > most || wait > longest_wait || wait >= q.left) return {next_step::give_up, {}, cause};
  return {next_step::again, wait, cause};
}

/// The service's own first line, without the activity id it repeats.
std::string message_of(const http::response& r) {
  std::string text;
  const auto done = memory::json_fields::parse(
      r.body, "error", [&](const memory::json_fields& f) { text = f.text("message"); });
  if (!done) return {};
  text = text.substr(0, text.find_first_of("\r\n"));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return std::string{utf8_prefix(text, max_message_bytes)};
}

errc code_of(int status, int sub) {
  if (unavailable(status, sub)) return errc::overloaded;
  switch (status) {
    case 401:
      return errc::unauthorized;
    case 403:
      return errc::forbidden;
    case 404:
      return sub == behind_session ? errc::overloaded : errc::not_found;
    case 409:
    case 412:
      return errc::conflict;
    case 413:
      return errc::too_large;
    case 429:
      return errc::throttled;
    case 449:
      return errc::overloaded;
    default:
      break;
  }
  if (status >= 500) return errc::overloaded;
  if (status >= 400) return errc::rejected;
  if (status >= 300) return errc::misconfigured;
  return errc::malformed;
}

/// How far our clock is from the service's, where it is too far; else 0.
std::chrono::minutes clock_error(const http::response& r, std::chrono::system_clock::time_point now) {
  const auto theirs = parse_http_date(r.header("date"));
  if (theirs == std::chrono::system_clock::time_point{}) return {};
  const auto off = std::chrono::round<std::chrono::minutes>(now - theirs);
  return std::chrono::abs(off) < clock_tolerance ? std::chrono::minutes{} : off;
}

std::string advice(const http::response& r, bool entra, std::chrono::system_clock::time_point now) {
  const int sub = substatus_of(r);
  if (r.status == 401 || (r.status == 403 && !failing_over(r.status, sub))) {
    if (const auto off = clock_error(r, now); off.count() != 0)
      return fmt::format("; this machine's clock is {} minutes {} the service's: set it right",
                         std::abs(off.count()), off.count() > 0 ? "ahead of" : "behind");
    if (r.status == 401)
      return entra ? "; the Entra token was refused"
                   : "; is COSMOS_KEY this account's key, whole and not a read-only one?";
    return entra
               ? "; the identity needs the data-plane role Cosmos DB Built-in Data Contributor: az cosmosdb "
                 "sql role assignment create --account-name ACCOUNT --resource-group GROUP --scope / "
                 "--principal-id PRINCIPAL --role-definition-id 00000000-0000-0000-0000-000000000002"
               : "; the account's firewall or disableLocalAuth refuses the key";
  }
  if (r.status == 404 && sub != behind_session)
    return "; does the database, and does the container exist (COSMOS_DATABASE_NAME and the container "
           "names)?";
  if (r.status == 413) return "; a document may have 2 MB";
  return {};
}

}  // namespace

std::string_view to_string(operation op) {
  constexpr std::array<std::string_view, 6> names{"read",   "create", "replace",
                                                  "delete", "query",  "container"};
  return names.at(static_cast<size_t>(op));
}

int substatus_of(const http::response& r) {
  const auto text = r.header("x-ms-substatus");
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

double charge_of(const http::response& r) {
  const auto text = r.header("x-ms-request-charge");
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && value >= 0 && std::isfinite(value) ? value : 0;
}

milliseconds wait_of(const http::response& r) {
  const auto text = r.header("x-ms-retry-after-ms");
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && value >= 0 && value < 600'000)
    return milliseconds{static_cast<int64_t>(std::ceil(value))};
  return http::retry_after(r, std::chrono::system_clock::now());
}

next_step judge(const http::response& r, const question& q) {
  const int sub = substatus_of(r);
  if (r.status >= 200 && r.status < 300) return {};
  switch (r.status) {
    case 404:
      if (sub == behind_session) return again(q, most_behind, backoff(20ms, q.tries, q.chance), "session");
      return {sub == owner_missing || q.op == operation::container || q.op == operation::create ||
                      q.op == operation::query
                  ? next_step::give_up
                  : next_step::take,
              {},
              {}};
    case 409:
    case 412:
      return {};
    case 429:
      return again(q, most_throttled, std::max(wait_of(r), backoff(5ms, 1, q.chance)), "throttled");
    case 449:
      return again(q, most_retry_with, backoff(10ms, q.tries, q.chance), "retry-with");
    case 401:
    case 403:
      if (failing_over(r.status, sub)) break;
      // 401: an expired token; 403/5300: a token whose rights are not (yet) what they should be.
      if (q.entra && !q.token_renewed && (r.status == 401 || sub == token_refused))
        return {next_step::renew_token, {}, "token"};
      return {next_step::give_up, {}, {}};
    default:
      break;
  }
  if (unavailable(r.status, sub) && !is_write(q.op))
    return again(q, most_unavailable, backoff(50ms, q.tries, q.chance), "unavailable");
  return {next_step::give_up, {}, {}};
}

failure failure_of(const http::response& r, std::string_view where, bool entra,
                   std::chrono::system_clock::time_point now) {
  const int sub = substatus_of(r);
  failure f =
      fail(dependency::memory, code_of(r.status, sub), fmt::format("Cosmos DB answered {}", r.status));
  if (sub != 0) f.detail += fmt::format(" (substatus {})", sub);
  f.detail += fmt::format(" to {}", where);
  if (r.status >= 400 && r.status < 500)
    if (const auto message = message_of(r); !message.empty()) f.detail += ": " + message;
  f.detail += advice(r, entra, now);
  if (const auto id = r.header("x-ms-activity-id"); !id.empty())
    f.detail += fmt::format(" [activity {}]", utf8_prefix(id, 40));
  if (r.status == 429 || r.status == 449 || r.status == 503) f.retry_after = wait_of(r);
  return f;
}

}  // namespace mw::cosmos
