#include "protocol/config/dotenv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "protocol/config/value.hpp"

namespace mw::config {

namespace {

/// Of any program: dots and dashes are theirs.
bool is_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
}

std::string_view line_of(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

struct quoted {
  std::string value;
  size_t bytes = 0;  ///< with both quotes
  std::string trouble;
};

/// `text` begins with the quote and goes on to the end of the file.
quoted read_quoted(std::string_view text) {
  const char quote = text[0];
  quoted out;
  size_t i = 1;
  for (; i < text.size() && text[i] != quote; ++i) {
    char c = text[i];
    if (quote == '"' && c == '\\' && i + 1 < text.size()) {
      c = text[++i];
      if (c == 'n')
        c = '\n';
      else if (c == 'r')
        c = '\r';
      else if (c == 't')
        c = '\t';
      else if (c != '"' && c != '\\' && c != '$')
        out.value.push_back('\\');
    }
    out.value.push_back(c);
  }
  out.bytes = i + 1;
  if (i >= text.size()) {
    out.trouble = fmt::format("a closing {}", quote);
  } else if (const auto rest = trim(line_of(text.substr(out.bytes))); !rest.empty() && rest[0] != '#') {
    out.trouble = fmt::format("the end of the line behind the closing {}", quote);
  }
  return out;
}

std::string_view bare(std::string_view line) {
  if (!line.empty() && line[0] == '#') return {};
  return trim(line.substr(0, std::min(line.find(" #"), line.find("\t#"))));
}

/// Takes a line off `text`.
void drop_line(std::string_view& text, uint32_t& number) {
  text.remove_prefix(std::min(line_of(text).size() + 1, text.size()));
  ++number;
}

std::string_view without_export(std::string_view line) {
  constexpr std::string_view word = "export";
  const bool has = line.starts_with(word) && line.size() > word.size() &&
                   (line[word.size()] == ' ' || line[word.size()] == '\t');
  return has ? trim(line.substr(word.size())) : line;
}

}  // namespace

dotenv parse_dotenv(std::string_view text) {
  dotenv out;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (uint32_t number = 1; !text.empty(); drop_line(text, number)) {
    const auto line = without_export(trim(line_of(text)));
    if (line.empty() || line[0] == '#') continue;
    const size_t equals = line.find('=');
    const auto key = trim(line.substr(0, equals));
    if (equals == std::string_view::npos || !is_key(key)) {
      out.passed_over.push_back(number);
      continue;
    }
    dotenv_entry e{std::string{key}, {}, number, {}};
    const auto content = trim(line.substr(equals + 1));
    if (content.empty() || (content[0] != '"' && content[0] != '\'')) {
      e.value = bare(content);
    } else {
      const auto start = text.substr(static_cast<size_t>(content.data() - text.data()));
      auto q = read_quoted(start);
      // An apostrophe that nothing closes must not swallow the lines behind it.
      if (q.trouble.empty()) {
        for (auto end = static_cast<size_t>(start.data() - text.data()) + q.bytes;
             line_of(text).size() < end;) {
          end -= line_of(text).size() + 1;
          drop_line(text, number);
        }
        e.value = std::move(q.value);
      }
      e.trouble = std::move(q.trouble);
    }
    out.entries.push_back(std::move(e));
  }
  return out;
}

}  // namespace mw::config
