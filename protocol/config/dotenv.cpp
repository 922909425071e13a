#include "protocol/config/dotenv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "protocol/config/value.hpp"

namespace mw::config {

namespace {

bool is_key(std::string_view key) {
  if (key.empty() || (key[0] >= '0' && key[0] <= '9')) return false;
  return std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// The value of one line, or what was expected instead.
result<std::string> read_value(std::string_view text) {
  text = trim(text);
  if (text.empty()) return std::string{};
  const char quote = text[0];
  if (quote != '"' && quote != '\'') {
    if (quote == '#') return std::string{};
    size_t hash = text.find(" #");
    hash = std::min(hash, text.find("\t#"));
    return std::string{trim(text.substr(0, hash))};
  }
  std::string out;
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
        out.push_back('\\');
    }
    out.push_back(c);
  }
  if (i >= text.size()) return fail(errc::misconfigured, fmt::format("a closing {}", quote));
  const auto rest = trim(text.substr(i + 1));
  if (!rest.empty() && rest[0] != '#')
    return fail(errc::misconfigured, fmt::format("the end of the line behind the closing {}", quote));
  return out;
}

}  // namespace

result<std::vector<dotenv_entry>> parse_dotenv(std::string_view text, std::string_view name) {
  std::vector<dotenv_entry> out;
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  uint32_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    auto line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line[0] == '#') continue;
    if (line.substr(0, 7) == "export ") line = trim(line.substr(7));
    const size_t equals = line.find('=');
    const auto key = trim(line.substr(0, equals));
    if (equals == std::string_view::npos || !is_key(key))
      return fail(errc::misconfigured, fmt::format("{}:{}: expected KEY=VALUE", name, number));
    auto content = read_value(line.substr(equals + 1));
    if (!content)
      return fail(errc::misconfigured,
                  fmt::format("{}:{}: {}: expected {}", name, number, key, content.error().detail));
    out.push_back({std::string{key}, *std::move(content), number});
  }
  return out;
}

}  // namespace mw::config
