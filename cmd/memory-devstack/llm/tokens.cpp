#include "cmd/memory-devstack/llm/tokens.hpp"

#include "protocol/base/fnv.hpp"

namespace mw::standin {
namespace {

constexpr size_t bytes_per_token = 4;
constexpr size_t first_step = 1024 * bytes_per_token;
constexpr size_t step = 128 * bytes_per_token;
constexpr size_t max_remembered = 1u << 18;

}  // namespace

uint64_t count_tokens(std::string_view text) {
  uint64_t ascii = 0;
  uint64_t other = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      ++ascii;
    } else if (byte >= 0xC0) {
      ++other;
    }
  }
  return (ascii + bytes_per_token - 1) / bytes_per_token + other;
}

uint64_t prompt_cache::look_up(std::string_view key, std::string_view prompt) {
  if (seen_.size() > max_remembered) seen_.clear();
  uint64_t cached = 0;
  bool matching = true;
  uint64_t hash = fnv1a(key);
  size_t done = 0;
  for (size_t end = first_step; end <= prompt.size(); end += step) {
    hash = fnv1a(prompt.substr(done, end - done), hash);
    done = end;
    const bool is_new = seen_.insert(hash).second;
    matching = matching && !is_new;
    if (matching) cached = end / bytes_per_token;
  }
  return cached;
}

}  // namespace mw::standin
