#include "protocol/redis/command_bytes.hpp"

#include <hiredis/hiredis.h>

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

template <size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

bool append_command(std::string& out, const std::vector<std::string>& argv) {
  if (argv.empty()) return false;
  std::array<const char*, 8> few_texts{};
  std::array<size_t, 8> few_sizes{};
  std::vector<const char*> many_texts;
  std::vector<size_t> many_sizes;
  const char** texts = few_texts.data();
  size_t* sizes = few_sizes.data();
  if (argv.size() > few_texts.size()) {
    many_texts.resize(argv.size());
    many_sizes.resize(argv.size());
    texts = many_texts.data();
    sizes = many_sizes.data();
  }
  for (size_t i = 0; i < argv.size(); ++i) {
    texts[i] = argv[i].data();
    sizes[i] = argv[i].size();
  }
  char* formatted = nullptr;
  const int size = redisFormatCommandArgv(&formatted, static_cast<int>(argv.size()), texts, sizes);
  if (size < 0) return false;
  out.append(formatted, static_cast<size_t>(size));
  redisFreeCommand(formatted);
  return true;
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
