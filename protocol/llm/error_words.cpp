#include "protocol/llm/error_words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "protocol/base/ascii.hpp"
#include "protocol/chat/json_document.hpp"
#include "protocol/llm/quota.hpp"

namespace mw::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;
using std::chrono::milliseconds;

constexpr milliseconds longest_wait = std::chrono::minutes{10};

struct meaning {
  std::string_view word;
  int status;
};

/// Codes, types and states, letters and digits only, in small letters.
constexpr std::array identifiers{
    meaning{"ratelimitexceeded", 429},
    meaning{"ratelimiterror", 429},
    meaning{"ratelimitreached", 429},
    meaning{"ratelimited", 429},
    meaning{"ratelimit", 429},
    meaning{"toomanyrequests", 429},
    meaning{"requestsratelimitexceeded", 429},
    meaning{"tokensratelimitexceeded", 429},
    meaning{"throttlingerror", 429},
    meaning{"throttlingexception", 429},
    meaning{"throttled", 429},
    meaning{"throttling", 429},
    meaning{"slowdown", 429},
    meaning{"resourceexhausted", 429},
    meaning{"quotaexceeded", 429},
    meaning{"quotaviolation", 429},
    meaning{"insufficientquota", 429},
    meaning{"budgetexceeded", 429},
    meaning{"concurrencylimitexceeded", 429},
    meaning{"overloaded", 503},
    meaning{"overloadederror", 503},
    meaning{"engineoverloaded", 503},
    meaning{"engineoverloadederror", 503},
    meaning{"modeloverloaded", 503},
    meaning{"modelcapacityexceeded", 503},
    meaning{"serveroverloaded", 503},
    meaning{"serverbusy", 503},
    meaning{"unavailable", 503},
    meaning{"serviceunavailable", 503},
    meaning{"serviceunavailableerror", 503},
    meaning{"modelnotready", 503},
    meaning{"nohealthyupstream", 503},
    meaning{"apiconnectionerror", 503},
    meaning{"servererror", 500},
    meaning{"internalservererror", 500},
    meaning{"internalerror", 500},
    meaning{"internal", 500},
    meaning{"apierror", 500},
    meaning{"badgateway", 502},
    meaning{"badgatewayerror", 502},
    meaning{"upstreamerror", 502},
    meaning{"providererror", 502},
    meaning{"modelerror", 502},
    meaning{"gatewaytimeout", 504},
    meaning{"requesttimeout", 504},
    meaning{"timeout", 504},
    meaning{"timeouterror", 504},
    meaning{"apitimeouterror", 504},
    meaning{"deadlineexceeded", 504},
    meaning{"invalidapikey", 401},
    meaning{"authenticationerror", 401},
    meaning{"unauthorized", 401},
    meaning{"unauthenticated", 401},
    meaning{"invalidauthentication", 401},
    meaning{"permissiondenied", 403},
    meaning{"permissionerror", 403},
    meaning{"forbidden", 403},
    meaning{"accessdenied", 403},
    meaning{"permissiondeniederror", 403},
    meaning{"notfound", 404},
    meaning{"notfounderror", 404},
    meaning{"modelnotfound", 404},
    meaning{"deploymentnotfound", 404},
    meaning{"resourcenotfound", 404},
    meaning{"requesttoolarge", 413},
    meaning{"payloadtoolarge", 413},
    meaning{"contextlengthexceeded", 400},
    meaning{"invalidrequesterror", 400},
    meaning{"badrequest", 400},
    meaning{"badrequesterror", 400},
    meaning{"invalidargument", 400},
    meaning{"contentfilter", 400},
};

/// Pieces of sentences, in small letters; only where neither number nor identifier says anything.
constexpr std::array phrases{
    meaning{"rate limit", 429},
    meaning{"rate-limit", 429},
    meaning{"ratelimit", 429},
    meaning{"rate_limit", 429},
    meaning{"too many requests", 429},
    meaning{"slow down", 429},
    meaning{"throttl", 429},
    meaning{"quota", 429},
    meaning{"error code: 1015", 429},
    meaning{"overload", 503},
    meaning{"at capacity", 503},
    meaning{"unavailable", 503},
    meaning{"no healthy upstream", 503},
    meaning{"try again later", 503},
    meaning{"maintenance", 503},
    meaning{"bad gateway", 502},
    meaning{"upstream", 502},
    meaning{"provider returned error", 502},
    meaning{"connection refused", 502},
    meaning{"connection reset", 502},
    meaning{"runner", 502},
    meaning{"timed out", 504},
    meaning{"timeout", 504},
    meaning{"time-out", 504},
    meaning{"internal server error", 500},
    meaning{"internal error", 500},
    meaning{"server had an error", 500},
};

std::string letters_of(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_letter(c) || is_digit(c)) out += ascii_lower(c);
  }
  return out;
}

int meaning_of_identifier(std::string_view text) {
  if (text.empty() || text.size() > 64) return 0;
  std::string word =
      letters_of(text.substr(text.rfind('.') == std::string_view::npos ? 0 : text.rfind('.') + 1));
  const auto* found =
      std::find_if(identifiers.begin(), identifiers.end(), [&](const meaning& m) { return m.word == word; });
  return found == identifiers.end() ? 0 : found->status;
}

int meaning_of_sentence(std::string_view text) {
  const std::string plain = lower_case(text.substr(0, 2'000));
  const auto* found = std::find_if(phrases.begin(), phrases.end(),
                                   [&](const meaning& m) { return plain.find(m.word) != std::string::npos; });
  return found == phrases.end() ? 0 : found->status;
}

/// A text, or a number as its digits; empty for everything else.
std::string word_at(const object& o, std::string_view name) {
  element e;
  if (o.at_key(name).get(e) != simdjson::SUCCESS) return {};
  int64_t number = 0;
  double fraction = 0;
  if (e.is_string()) return std::string{chat::text_or_empty(e)};
  if (e.get(number) == simdjson::SUCCESS) return std::to_string(number);
  if (e.get(fraction) == simdjson::SUCCESS && fraction >= 0 && fraction < 1e9)
    return std::to_string(static_cast<int64_t>(fraction));
  return {};
}

int as_status(std::string_view word) {
  int n = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
  const bool whole = error == std::errc{} && end == word.data() + word.size();
  return whole && n >= 400 && n <= 599 ? n : 0;
}

void take_text(std::string& to, std::string text) {
  if (to.empty()) to = std::move(text);
}

/// What servers of FastAPI's kind say: [{"type":"extra_forbidden","loc":["body","NAME"],"msg":...}].
void read_details(const object& o, error_words& e) {
  for (const std::string_view name : {"detail", "details"}) {
    array details;
    object first;
    array place;
    if (o.at_key(name).get(details) != simdjson::SUCCESS || details.size() == 0 ||
        details.at(0).get(first) != simdjson::SUCCESS)
      continue;
    e.message.append(" ").append(word_at(first, "msg"));
    if (word_at(first, "type") == "extra_forbidden") e.code = "unknown_parameter";
    for (const auto d : details) {
      object one;
      if (d.get(one) != simdjson::SUCCESS || e.retry_after > milliseconds{0}) continue;
      e.retry_after = std::min(longest_wait, read_reset(word_at(one, "retryDelay")));
    }
    if (first["loc"].get(place) != simdjson::SUCCESS) continue;
    for (const auto step : place)
      if (step.is_string()) e.param = chat::text_or_empty(step);
  }
}

void read_wait(const object& o, error_words& e) {
  if (e.retry_after > milliseconds{0}) return;
  for (const std::string_view name : {"retry_after", "retryAfter", "retry_after_seconds"})
    if (const auto wait = read_reset(word_at(o, name)); wait > milliseconds{0})
      e.retry_after = std::min(longest_wait, wait);
  const std::string ms = word_at(o, "retry_after_ms");
  if (const auto wait = ms.empty() ? milliseconds{0} : read_reset(ms + "ms"); wait > milliseconds{0})
    e.retry_after = std::min(longest_wait, wait);
}

/// One object that tells of an error; what stands there already goes before.
void read_told(const object& o, error_words& e, int depth) {
  for (const std::string_view name : {"code", "status", "statusCode", "status_code", "http_status"}) {
    const std::string word = word_at(o, name);
    if (e.status == 0) e.status = as_status(word);
    if (name == "code" || e.code.empty()) take_text(e.code, word);
  }
  for (const std::string_view name : {"errorcode", "__type", "title"}) take_text(e.code, word_at(o, name));
  take_text(e.param, word_at(o, "param"));
  take_text(e.type, word_at(o, "type"));
  for (const std::string_view name :
       {"message", "Message", "msg", "faultstring", "detail", "error_description"})
    take_text(e.message, word_at(o, name));
  read_details(o, e);
  read_wait(o, e);
  if (depth <= 0) return;
  for (const std::string_view name : {"error", "errors", "fault", "detail", "message", "metadata"}) {
    object inner;
    array list;
    if (o.at_key(name).get(inner) == simdjson::SUCCESS) read_told(inner, e, depth - 1);
    if (name == "errors" && o.at_key(name).get(list) == simdjson::SUCCESS && list.size() > 0 &&
        list.at(0).get(inner) == simdjson::SUCCESS)
      read_told(inner, e, depth - 1);
  }
}

/// {"error":{...}}, Azure's innererror, a gateway's bare {"statusCode","message"}, or {"error":"text"}.
error_words words_of(const object& root) {
  error_words e;
  object error;
  if (root["error"].get(error) == simdjson::SUCCESS) {
    read_told(error, e, 2);
  } else {
    e.message = word_at(root, "error");
    // Beside a text it is only more of the same; the text itself may be the word.
    if (meaning_of_identifier(e.message) != 0) e.code = e.message;
  }
  read_told(root, e, 2);
  e.filtered = e.code == "content_filter";
  object inner;
  if (root["error"]["innererror"].get(inner) == simdjson::SUCCESS)
    e.filtered = e.filtered || word_at(inner, "code") == "ResponsibleAIPolicyViolation";
  if (e.retry_after == milliseconds{0}) e.retry_after = wait_named_in(e.message);
  return e;
}

/// Some servers send "error": null, "", {} or 0 beside an answer.
bool says_something(const element& e) {
  object o;
  array list;
  int64_t number = 0;
  bool flag = false;
  if (e.is_null()) return false;
  if (e.is_string()) return !chat::text_or_empty(e).empty();
  if (e.get(flag) == simdjson::SUCCESS) return flag;
  if (e.get(number) == simdjson::SUCCESS) return number != 0;
  if (e.get(list) == simdjson::SUCCESS) return list.size() > 0;
  if (e.get(o) != simdjson::SUCCESS) return true;
  return std::any_of(o.begin(), o.end(), [](const auto& field) {
    return !field.value.is_null() && !(field.value.is_string() && chat::text_or_empty(field.value).empty());
  });
}

bool has_error(const object& o) {
  element e;
  return (o["error"].get(e) == simdjson::SUCCESS && says_something(e)) ||
         (o["errors"].get(e) == simdjson::SUCCESS && says_something(e));
}

std::optional<object> first_choice(const object& root) {
  array choices;
  object first;
  if (root["choices"].get(choices) != simdjson::SUCCESS || choices.size() == 0 ||
      choices.at(0).get(first) != simdjson::SUCCESS)
    return std::nullopt;
  return first;
}

std::optional<object> object_of(const element& root) {
  object o;
  array list;
  if (root.get(o) == simdjson::SUCCESS) return o;
  if (root.get(list) == simdjson::SUCCESS && list.size() > 0 && list.at(0).get(o) == simdjson::SUCCESS)
    return o;
  return std::nullopt;
}

}  // namespace

error_words read_error(const element& root) {
  const auto o = object_of(root);
  return o ? words_of(*o) : error_words{};
}

std::optional<error_words> error_inside(const element& root) {
  const auto o = object_of(root);
  if (!o) return std::nullopt;
  if (has_error(*o)) return words_of(*o);
  if (const auto choice = first_choice(*o)) {
    const bool broken_off = letters_of(word_at(*choice, "finish_reason")) == "error";
    if (!has_error(*choice) && !broken_off) return std::nullopt;
    auto e = words_of(*choice);
    if (stands_for(e) == 400 && broken_off) e.status = 502;
    return e;
  }
  element any;
  const bool answer =
      (*o)["choices"].get(any) == simdjson::SUCCESS || (*o)["data"].get(any) == simdjson::SUCCESS;
  if (answer) return std::nullopt;
  auto e = words_of(*o);
  const bool told = e.status != 0 || stands_for(e) != 400 || word_at(*o, "object") == "error" ||
                    word_at(*o, "type") == "error";
  return told ? std::optional{std::move(e)} : std::nullopt;
}

std::optional<error_words> error_in_text(std::string_view body) {
  const size_t first = body.find_first_not_of(" \t\r\n");
  error_words e;
  if (first == std::string_view::npos) {
    e.status = 502;
    return e;
  }
  body.remove_prefix(first);
  if (body.starts_with('{') || body.starts_with('[')) return std::nullopt;
  e.status = meaning_of_sentence(body);
  const bool page = body.starts_with('<');
  // A page of a proxy, of a site that moves: whatever it tells people, the service is not behind it now.
  if (page && e.status != 429) e.status = 503;
  if (e.status == 0) return std::nullopt;
  if (!page) e.retry_after = wait_named_in(body);
  return e;
}

int stands_for(const error_words& e) {
  if (e.filtered) return 400;
  if (e.status != 0) return e.status;
  const int named = named_status(e);
  if (named != 0 && named != 500) return named;
  // "api_error" and its like say little.
  const int told = meaning_of_sentence(e.message);
  return told != 0 ? told : named != 0 ? named : 400;
}

int named_status(const error_words& e) {
  for (const std::string* word : {&e.code, &e.type})
    if (const int status = meaning_of_identifier(*word); status != 0) return status;
  return 0;
}

milliseconds wait_named_in(std::string_view message) {
  const std::string plain = lower_case(message.substr(0, 2'000));
  for (const std::string_view phrase : {"try again in ", "retry after ", "retry in ", "try again after "}) {
    const size_t at = plain.find(phrase);
    if (at == std::string::npos) continue;
    std::string_view rest = std::string_view{plain}.substr(at + phrase.size());
    size_t digits = rest.find_first_not_of("0123456789.");
    if (digits == std::string_view::npos) digits = rest.size();
    std::string_view unit = rest.substr(digits);
    if (unit.starts_with(' ')) unit.remove_prefix(1);
    std::string amount{rest.substr(0, digits)};
    if (unit.starts_with("sec")) {
      amount += 's';
    } else if (unit.starts_with("milli")) {
      amount += "ms";
    } else if (unit.starts_with("min")) {
      amount += 'm';
    } else if (unit.starts_with("hour")) {
      amount += 'h';
    } else {
      amount = rest.substr(0, rest.find_first_not_of("0123456789.hms"));
    }
    while (amount.ends_with('.')) amount.pop_back();
    if (const auto wait = read_reset(amount); wait > milliseconds{0}) return std::min(longest_wait, wait);
  }
  return milliseconds{0};
}

}  // namespace mw::llm
