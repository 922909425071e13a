#include "protocol/base/lenient_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/base/ascii.hpp"
#include "protocol/base/hex.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/utf8.hpp"

namespace mw {
namespace {

constexpr size_t deepest = 1'000;
constexpr size_t longest_path = 200;
constexpr size_t longest_name = 40;

constexpr const char* too_early = "the text ends too early";
constexpr const char* unexpected = "unexpected sign";

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> words{{
    {"true", "true"},
    {"false", "false"},
    {"null", "null"},
    {"NaN", "null"},
    {"Infinity", "null"},
    {"True", "true"},
    {"False", "false"},
    {"None", "null"},
}};

/// Whether -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? is all of it; `whole`: it has no fraction or
/// exponent.
bool is_number(std::string_view t, bool& whole) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t from = i;
    while (i < t.size() && is_digit(t[i])) ++i;
    return i - from;
  };
  whole = true;
  if (i < t.size() && t[i] == '-') ++i;
  const size_t first = i;
  const size_t count = digits();
  if (count == 0 || (count > 1 && t[first] == '0')) return false;
  if (i < t.size() && t[i] == '.') {
    whole = false;
    ++i;
    if (digits() == 0) return false;
  }
  if (i < t.size() && (t[i] == 'e' || t[i] == 'E')) {
    whole = false;
    ++i;
    if (i < t.size() && (t[i] == '+' || t[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == t.size();
}

template <class Number>
std::errc read_as(std::string_view t) {
  Number n{};
  return std::from_chars(t.data(), t.data() + t.size(), n).ec;
}

std::string_view written_number(std::string_view t, bool whole) {
  if (whole) {
    const bool fits = read_as<int64_t>(t) == std::errc{} || read_as<uint64_t>(t) == std::errc{};
    return fits ? t : "null";
  }
  if (read_as<double>(t) == std::errc{}) return t;
  const size_t exponent = t.find_first_of("eE");
  const bool tiny = exponent == std::string_view::npos || t.substr(exponent + 1).starts_with('-');
  return tiny ? "0" : "null";
}

class scanner {
 public:
  explicit scanner(std::string_view json) : in_(json) {}

  std::variant<std::string, json_fault> read() {
    skip_space();
    if (value()) {
      skip_space();
      if (at_ == in_.size()) return std::move(out_);
      failed_at(at_, "more text after the value");
    }
    return std::move(fault_);
  }
  first_value read_first() {
    first_value first;
    if (value()) first.json = std::move(out_);
    first.end = at_;
    return first;
  }

 private:
  struct step {
    bool in_object = false;
    std::string_view name;
    size_t index = 0;
  };

  bool ended() const { return at_ >= in_.size(); }
  bool next_is(char c) const { return at_ < in_.size() && in_[at_] == c; }
  void skip_space() {
    while (!ended() && (in_[at_] == ' ' || in_[at_] == '\n' || in_[at_] == '\r' || in_[at_] == '\t')) ++at_;
  }
  bool failed_at(size_t offset, const char* what);
  bool unexpected_here() { return failed_at(at_, ended() ? too_early : unexpected); }
  std::string path() const;
  bool value();
  bool list(char close);
  bool member();
  bool string();
  bool escape();
  bool number();
  bool word();

  std::string_view in_;
  size_t at_ = 0;
  std::string out_;
  std::vector<step> steps_;
  json_fault fault_;
};

bool scanner::failed_at(size_t offset, const char* what) {
  fault_ = {offset, path(), what};
  return false;
}

std::string scanner::path() const {
  std::string out = "$";
  for (const auto& s : steps_) {
    if (out.size() > longest_path) return out + "...";
    if (!s.in_object) {
      out += '[' + std::to_string(s.index) + ']';
      continue;
    }
    const bool plain = !s.name.empty() && s.name.size() <= longest_name &&
                       std::all_of(s.name.begin(), s.name.end(), [](char c) {
                         return is_letter(c) || is_digit(c) || c == '_' || c == '-';
                       });
    out.append(".").append(plain ? s.name : "?");
  }
  return out;
}

bool scanner::value() {
  if (ended()) return failed_at(at_, too_early);
  const char c = in_[at_];
  if (c == '{' || c == '[') return list(c == '{' ? '}' : ']');
  if (c == '"') return string();
  if (c == '-' || is_digit(c)) return number();
  return word();
}

bool scanner::list(char close) {
  if (steps_.size() >= deepest) return failed_at(at_, "nested too deep");
  out_ += in_[at_++];
  steps_.push_back({close == '}', {}, 0});
  for (bool first = true;; first = false) {
    skip_space();
    if (next_is(close)) break;
    if (!first) {
      out_ += ',';
      ++steps_.back().index;
    }
    if (close == '}' ? !member() : !value()) return false;
    skip_space();
    if (next_is(',')) {
      ++at_;
    } else if (!next_is(close)) {
      return unexpected_here();
    }
  }
  ++at_;
  out_ += close;
  steps_.pop_back();
  return true;
}

bool scanner::member() {
  if (!next_is('"')) return unexpected_here();
  const size_t from = at_ + 1;
  if (!string()) return false;
  steps_.back().name = in_.substr(from, at_ - 1 - from);
  skip_space();
  if (!next_is(':')) return unexpected_here();
  ++at_;
  out_ += ':';
  skip_space();
  return value();
}

bool scanner::string() {
  const size_t begin = at_++;
  out_ += '"';
  size_t taken = at_;  // up to here it is in out_
  const auto take = [&] { out_.append(in_.substr(taken, at_ - taken)); };
  while (!ended() && in_[at_] != '"') {
    const char c = in_[at_];
    if (c == '\\' || is_control(c)) {
      take();
      if (!escape()) return false;
      taken = at_;
      continue;
    }
    const size_t length = static_cast<unsigned char>(c) < 0x80 ? 1 : utf8_length_at(in_, at_);
    if (length == 0) return failed_at(at_, "not UTF-8");
    at_ += length;
  }
  if (ended()) return failed_at(begin, "a string without an end");
  take();
  ++at_;
  out_ += '"';
  return true;
}

/// A control character or a backslash.
bool scanner::escape() {
  const char c = in_[at_];
  if (is_control(c)) {
    std::string quoted;
    append_json_string(quoted, std::string_view{&c, 1});
    out_.append(quoted, 1, quoted.size() - 2);
    ++at_;
    return true;
  }
  const std::string_view rest = in_.substr(at_ + 1);
  const bool unit = rest.size() >= 5 && rest[0] == 'u' &&
                    std::all_of(&rest[1], &rest[5], [](char x) { return hex_value(x) >= 0; });
  const bool known = !rest.empty() && std::string_view{R"("\/bfnrt)"}.find(rest[0]) != std::string_view::npos;
  if (unit || known) {
    out_.append(in_.substr(at_, 2));
    at_ += 2;
  } else if (rest.starts_with('\'')) {
    out_ += '\'';
    at_ += 2;
  } else {
    if (rest.starts_with('u')) return failed_at(at_, "half an escape");
    out_.append(R"(\\)");
    ++at_;
  }
  return true;
}

bool scanner::number() {
  const size_t from = at_;
  if (in_.substr(at_).starts_with("-Infinity")) {
    at_ += 9;
    out_.append("null");
    return true;
  }
  const auto belongs = [](char c) {
    return is_digit(c) || is_letter(c) || c == '.' || c == '+' || c == '-' || c == '_';
  };
  while (!ended() && belongs(in_[at_])) ++at_;
  bool whole = true;
  const auto text = in_.substr(from, at_ - from);
  if (!is_number(text, whole)) return failed_at(from, "not a number of JSON");
  out_.append(written_number(text, whole));
  return true;
}

bool scanner::word() {
  const size_t from = at_;
  while (!ended() && is_letter(in_[at_])) ++at_;
  const auto text = in_.substr(from, at_ - from);
  const auto* found =
      std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.first == text; });
  if (found == words.end()) return failed_at(from, unexpected);
  out_.append(found->second);
  return true;
}

}  // namespace

std::string to_string(const json_fault& f) {
  return std::string{f.what} + " at byte " + std::to_string(f.offset) + ", " + f.path;
}

std::variant<std::string, json_fault> read_leniently(std::string_view json) {
  return scanner{json}.read();
}

first_value read_first_value(std::string_view text) {
  return scanner{text}.read_first();
}

}  // namespace mw
