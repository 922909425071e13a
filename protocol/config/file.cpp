#include "protocol/config/file.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace mw::config {

namespace {

constexpr int max_depth = 16;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/// Every entry keeps its section: a long name must not become a long list of them.
constexpr size_t longest_name = 128;

/// Recursive descent; the first error stops it. Every method that can fail returns false after fault().
class parser {
 public:
  parser(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  result<std::vector<file_entry>> run() {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") i_ = line_start_ = 3;
    std::string section;
    while (skip(), !error_ && !done()) {
      if (peek() == '[') {
        if (!head(section)) break;
      } else if (!statement(section, 0)) {
        break;
      }
    }
    if (error_) return *std::move(error_);
    return std::move(entries_);
  }

 private:
  bool done() const { return i_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[i_]; }
  position here() const { return {line_, static_cast<uint32_t>(i_ - line_start_ + 1)}; }
  void next() {
    if (text_[i_] == '\n') {
      ++line_;
      line_start_ = i_ + 1;
    }
    ++i_;
  }

  bool fault(std::string_view expected) { return fault(expected, here()); }
  bool fault(std::string_view expected, position at) {
    if (!error_)
      error_ = fail(errc::misconfigured,
                    fmt::format("{}:{}:{}: expected {}", name_, at.line, at.column, expected));
    return false;
  }

  void blanks() {
    while (!done() && (peek() == ' ' || peek() == '\t' || peek() == '\r')) next();
  }
  /// White space, line ends and comments.
  void skip() {
    for (;;) {
      blanks();
      if (peek() == ';') {
        while (!done() && peek() != '\n') next();
      } else if (!done() && peek() == '\n') {
        next();
      } else {
        return;
      }
    }
  }

  bool name(std::string& out, bool dotted, std::string_view expected) {
    out.clear();
    while (!done() && (is_name_char(peek()) || (dotted && peek() == '.'))) {
      out.push_back(peek());
      next();
    }
    if (out.size() > longest_name) return fault("a shorter name");
    return !out.empty() || fault(expected);
  }

  /// Nothing but a comment may follow on the line of a value or head.
  bool end_of_line(std::string_view expected) {
    blanks();
    return done() || peek() == '\n' || peek() == ';' || fault(expected);
  }

  bool head(std::string& section) {
    next();
    blanks();
    if (!name(section, true, "a section name, as [receiver]")) return false;
    blanks();
    if (peek() != ']') return fault("']' behind the section name");
    next();
    return end_of_line("the end of the line behind ']'");
  }

  /// `key = value`, `key { ... }` or `key = { ... }`.
  bool statement(const std::string& section, int depth) {
    file_entry e;
    e.section = section;
    e.key_at = here();
    if (!name(e.key, false, "a key, a [section] or a comment (;)")) return false;
    blanks();
    if (peek() == '{') return group(inner(section, e.key), depth + 1);
    if (peek() != '=') return fault("'=' behind the key");
    next();
    skip();
    if (peek() == '{') return group(inner(section, e.key), depth + 1);
    if (section.empty()) return fault("a [section] before the first key", e.key_at);
    e.value_at = here();
    if (!read(e.content, 0)) return false;
    blanks();
    if (depth > 0) {
      if (peek() == ',') next();
      if (!done() && peek() != '\n' && peek() != ';' && peek() != '}' && text_[i_ - 1] != ',')
        return fault("the end of the line, ',' or '}' behind the value");
    } else if (!end_of_line("the end of the line behind the value")) {
      return false;
    }
    entries_.push_back(std::move(e));
    return true;
  }

  static std::string inner(const std::string& section, const std::string& key) {
    return section.empty() ? key : section + "." + key;
  }

  bool group(const std::string& section, int depth) {
    if (depth > max_depth) return fault("groups nested at most 16 deep");
    next();
    for (skip(); peek() != '}'; skip()) {
      if (done()) return fault("'}' at the end of the group");
      if (!statement(section, depth)) return false;
    }
    next();
    blanks();
    if (depth > 1 && peek() == ',') next();
    return true;
  }

  bool read(literal& out, int depth) {
    const char c = peek();
    if (c == '"') return quoted(out, '"', literal::kind::text);
    if (c == '\'') return quoted(out, '\'', literal::kind::atom);
    if (c == '<') return quoted(out, '>', literal::kind::text);
    if (c == '[') return list(out, depth + 1);
    if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') return number(out);
    if (!done() && is_name_char(c)) return word(out);
    return fault("a value");
  }

  bool number(literal& out) {
    const auto at = here();
    auto scanned = scan_number(text_, i_);
    if (!scanned) return fault(scanned.error().detail, at);
    out = *std::move(scanned);
    return true;
  }

  bool word(literal& out) {
    const auto at = here();
    std::string text;
    name(text, false, "a value");
    if (text != "true" && text != "false") return fault("a value: strings need double quotes", at);
    out.type = literal::kind::boolean;
    out.flag = text == "true";
    return true;
  }

  bool quoted(literal& out, char close, literal::kind type) {
    const auto at = here();
    next();
    out.type = type;
    while (!done() && peek() != '\n' && peek() != close) {
      char c = peek();
      if (c == '\\' && type == literal::kind::text && close == '"') {
        next();
        switch (peek()) {
          case '"':
          case '\\':
            c = peek();
            break;
          case 'n':
            c = '\n';
            break;
          case 'r':
            c = '\r';
            break;
          case 't':
            c = '\t';
            break;
          default:
            return fault("one of \\\" \\\\ \\n \\r \\t");
        }
      }
      out.text.push_back(c);
      next();
    }
    if (peek() != close || done()) return fault(fmt::format("a closing {} for what opens here", close), at);
    next();
    return true;
  }

  bool list(literal& out, int depth) {
    if (depth > max_depth) return fault("lists nested at most 16 deep");
    next();
    out.type = literal::kind::list;
    for (skip(); peek() != ']'; skip()) {
      literal item;
      if (!read(item, depth)) return false;
      out.items.push_back(std::move(item));
      skip();
      if (peek() == ',') {
        next();
      } else if (peek() != ']') {
        return fault("',' or ']' in the list");
      }
    }
    next();
    return true;
  }

  std::string_view text_;
  std::string_view name_;
  size_t i_ = 0;
  size_t line_start_ = 0;
  uint32_t line_ = 1;
  std::vector<file_entry> entries_;
  std::optional<failure> error_;
};

}  // namespace

result<std::vector<file_entry>> parse_file(std::string_view text, std::string_view name) {
  return parser{text, name}.run();
}

}  // namespace mw::config
