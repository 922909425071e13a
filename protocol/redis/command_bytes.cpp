#include "protocol/redis/command_bytes.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace mw::redis {
namespace {

constexpr std::array<std::string_view, 10> without_key{"PING", "INFO",   "CLUSTER", "ECHO",     "AUTH",
                                                       "ACL",  "CONFIG", "ASKING",  "READONLY", "CLIENT"};
/// SCRIPT NUMKEYS KEY ...
constexpr std::array<std::string_view, 2> key_is_third{"EVAL", "EVALSHA"};

/// The number between the type byte at `at` and the line's end; moves behind it.
size_t number_at(std::string_view bytes, size_t& at) {
  size_t value = 0;
  const auto end = bytes.find('\r', at);
  if (end == std::string_view::npos) return 0;
  std::from_chars(bytes.data() + at + 1, bytes.data() + end, value);
  at = end + 2;
  return value;
}

std::string_view word_at(std::string_view bytes, size_t& at) {
  const size_t size = number_at(bytes, at);
  if (at > bytes.size()) return {};
  const auto word = bytes.substr(at, size);
  at += size + 2;
  return word;
}

/// "*3\r\n", "$12\r\n"
void append_count(std::string& out, char type, size_t count) {
  std::array<char, 24> line;
  line[0] = type;
  char* end = std::to_chars(line.data() + 1, line.data() + line.size(), count).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(line.data(), static_cast<size_t>(end - line.data()));
}

template <size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

void append_command(std::string& out, const std::vector<std::string>& argv) {
  append_count(out, '*', argv.size());
  for (const auto& word : argv) {
    append_count(out, '$', word.size());
    out.append(word).append("\r\n");
  }
}

command_words words_of(std::string_view bytes) {
  size_t at = 0;
  const size_t count = number_at(bytes, at);
  command_words w;
  w.name = word_at(bytes, at);
  if (is_one_of(w.name, without_key)) return w;
  const size_t key_index = is_one_of(w.name, key_is_third) ? 3 : 1;
  for (size_t i = 1; i < key_index; ++i) word_at(bytes, at);
  if (count > key_index) w.key = word_at(bytes, at);
  return w;
}

std::string key_pattern(std::string_view key) {
  const auto colon = key.find(':');
  if (colon == std::string_view::npos) return {};
  return std::string{key.substr(0, colon + 1)} + "*";
}

}  // namespace mw::redis
