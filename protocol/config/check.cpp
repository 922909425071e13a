// Values against their row: type, range, choice; and back to text.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "protocol/base/bare_text.hpp"
#include "protocol/config/host.hpp"
#include "protocol/config/options.hpp"

namespace mw::config {

namespace {

using kind = literal::kind;

failure wrong(std::string text) {
  return fail(errc::misconfigured, std::move(text));
}

/// A right value in the file's syntax: the default, or a made-up one where that would be empty.
std::string example(const option& o) {
  switch (o.type) {
    case option_type::secret:
    case option_type::text:
      return "\"...\"";
    case option_type::url:
      return "\"https://...\"";
    case option_type::real:
      return write_real(o.max);
    default:
      return write_value(o, o.get(settings{}));
  }
}

/// Numbers of a range are written as the option's values are.
std::string write_bound(const option& o, double bound) {
  if (o.type == option_type::duration) return write_duration(milliseconds{static_cast<int64_t>(bound)});
  if (o.type == option_type::bytes) {
    auto text = write_bytes(static_cast<int64_t>(bound));
    text.erase(std::remove(text.begin(), text.end(), '"'), text.end());
    return text;
  }
  if (o.type == option_type::real) return write_real(bound);
  return fmt::format("{}", static_cast<int64_t>(bound));
}

result<value> in_range(const option& o, double number, value v) {
  if (number >= o.min && number <= o.max) return v;
  return wrong(fmt::format("{} is out of range; allowed: {}", write_value(o, v), write_range(o)));
}

result<value> check_choice(const option& o, std::string_view text) {
  auto word = lower_case(trim(text));
  // Python's other names of its levels.
  if (o.key == "log-level") {
    if (word == "warn") word = "warning";
    if (word == "critical" || word == "fatal") word = "error";
  }
  if (std::find(o.choices.begin(), o.choices.end(), word) != o.choices.end()) return value{word};
  return wrong(fmt::format("{} is none of {}", write_text(text), fmt::join(o.choices, ", ")));
}

result<value> check_string(const option& o, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return wrong("holds a zero byte");
  if (o.type == option_type::url) {
    const auto url = lower_case(text);
    const bool http = url.substr(0, 7) == "http://" && url.size() > 7;
    const bool https = url.substr(0, 8) == "https://" && url.size() > 8;
    if (!http && !https) return wrong("expected a URL that starts with http:// or https://");
    if (text.find_first_of(" \t\r\n") != std::string_view::npos)
      return wrong("expected a URL without blanks");
  }
  if (o.host)
    if (auto host = check_host(o, text); !host) return std::move(host.error());
  return value{std::string{text}};
}

result<value> check_duration(const option& o, std::chrono::nanoseconds t) {
  const auto ms = std::chrono::duration_cast<milliseconds>(t);
  if (t != ms) return wrong("the smallest step of a duration here is 1ms");
  return in_range(o, static_cast<double>(ms.count()), ms);
}

result<value> mismatch(const option& o, const literal& content) {
  return wrong(fmt::format("expected {}, got {}; write {} = {}", describe(o), describe(content.type), o.key,
                           example(o)));
}

}  // namespace

std::string describe(const option& o) {
  switch (o.type) {
    case option_type::text:
    case option_type::secret:
      return "a string";
    case option_type::url:
      return "a URL as a string";
    case option_type::boolean:
      return "true or false";
    case option_type::integer:
      return "an integer";
    case option_type::bytes:
      return "a size in bytes";
    case option_type::real:
      return "a number";
    case option_type::duration:
      return "a duration";
    case option_type::choice:
      return fmt::format("one of {}", fmt::join(o.choices, ", "));
  }
  return "a value";
}

std::string write_range(const option& o) {
  if (o.type == option_type::choice) return fmt::format("{}", fmt::join(o.choices, " | "));
  if (!std::isfinite(o.min) || !std::isfinite(o.max)) return {};
  return fmt::format("{} .. {}", write_bound(o, o.min), write_bound(o, o.max));
}

std::string write_value(const option& o, const value& v) {
  if (std::holds_alternative<bool>(v)) return std::get<bool>(v) ? "true" : "false";
  if (std::holds_alternative<milliseconds>(v)) return write_duration(std::get<milliseconds>(v));
  if (std::holds_alternative<double>(v)) return write_real(std::get<double>(v));
  if (std::holds_alternative<int64_t>(v)) {
    const auto n = std::get<int64_t>(v);
    return o.type == option_type::bytes ? write_bytes(n) : fmt::format("{}", n);
  }
  if (std::holds_alternative<std::string>(v)) {
    const auto& text = std::get<std::string>(v);
    if (o.type == option_type::secret) return text.empty() ? "\"\"" : "\"***\"";
    return write_text(text);
  }
  return {};
}

result<value> check(const option& o, const literal& content) {
  const bool text = content.type == kind::text || content.type == kind::atom;
  switch (o.type) {
    case option_type::text:
    case option_type::url:
    case option_type::secret:
      if (content.type == kind::text) return check_string(o, content.text);
      break;
    case option_type::boolean:
      if (content.type == kind::boolean) return value{content.flag};
      break;
    case option_type::integer:
      if (content.type == kind::integer)
        return in_range(o, static_cast<double>(content.integer), content.integer);
      break;
    case option_type::bytes:
      if (content.type == kind::integer)
        return in_range(o, static_cast<double>(content.integer), content.integer);
      if (content.type == kind::text) {
        const auto size = read_bytes(content.text);
        if (!size) return wrong("expected " + size.error().detail);
        return in_range(o, static_cast<double>(*size), *size);
      }
      break;
    case option_type::real:
      if (content.type == kind::real) return in_range(o, content.real, content.real);
      if (content.type == kind::integer) {
        const auto x = static_cast<double>(content.integer);
        return in_range(o, x, x);
      }
      break;
    case option_type::duration:
      if (content.type == kind::duration) return check_duration(o, content.time);
      break;
    case option_type::choice:
      if (text) return check_choice(o, content.text);
      break;
  }
  return mismatch(o, content);
}

result<value> check_text(const option& o, std::string_view text) {
  switch (o.type) {
    case option_type::text:
    case option_type::url:
    case option_type::secret:
      return check_string(o, text);
    case option_type::choice:
      return check_choice(o, text);
    case option_type::boolean: {
      const auto flag = read_flag(text);
      if (!flag) return wrong("expected " + flag.error().detail);
      return value{*flag};
    }
    case option_type::bytes: {
      const auto size = read_bytes(text);
      if (!size) return wrong("expected " + size.error().detail);
      return in_range(o, static_cast<double>(*size), *size);
    }
    default:
      break;
  }
  text = trim(text);
  if (!o.environment.empty())
    if (auto words = service_link_words(o.environment.front(), text); !words.empty())
      return wrong(std::move(words));
  size_t end = 0;
  const auto number = scan_number(text, end);
  if (!number || end != text.size()) return wrong(fmt::format("expected {}, as {}", describe(o), example(o)));
  return check(o, *number);
}

}  // namespace mw::config
