#include "tests/fuzz/common.hpp"

#include <sanitizer/allocator_interface.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "protocol/base/fnv.hpp"

namespace mw::fuzz {
namespace {

thread_local bool watched = false;
thread_local int64_t held = 0;
thread_local int64_t most_held = 0;

void allocated(const volatile void* /*at*/, size_t size) {
  if (!watched) return;
  held += static_cast<int64_t>(size);
  most_held = std::max(most_held, held);
}

void freed(const volatile void* at) {
  if (!watched || at == nullptr) return;
  held -= static_cast<int64_t>(__sanitizer_get_allocated_size(const_cast<const void*>(at)));
}

const bool hooked = __sanitizer_install_malloc_and_free_hooks(&allocated, &freed) != 0;

}  // namespace

void holds(bool it_does, const char* property) {
  if (it_does) return;
  std::fprintf(stderr, "PROPERTY DOES NOT HOLD: %s\n", property);
  std::abort();
}

void same(std::string_view a, std::string_view b, const char* property) {
  if (a == b) return;
  const auto at =
      static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  const auto shown = [at](std::string_view text) {
    return std::string{text.substr(std::min(text.size(), at - std::min<size_t>(at, 40)), 80)};
  };
  std::fprintf(stderr, "at byte %zu of %zu and %zu:\n  %s\n  %s\n", at, a.size(), b.size(), shown(a).c_str(),
               shown(b).c_str());
  holds(false, property);
}

void has_words(const failure& f) {
  constexpr size_t longest = 2'000;
  holds(!f.detail.empty() && f.detail.size() <= longest, "an error has words, and not too many");
  holds(f.detail.find_first_of("\r\n") == std::string::npos, "an error's words are one line");
}

void names_a_byte(const failure& f, size_t size) {
  constexpr std::string_view mark = " at byte ";
  const auto at = f.detail.find(mark);
  holds(at != std::string::npos, "an error names its place");
  size_t byte = 0;
  const char* digits = f.detail.data() + at + mark.size();
  holds(std::from_chars(digits, f.detail.data() + f.detail.size(), byte).ec == std::errc{} && byte <= size,
        "an error's place lies in the text");
}

std::vector<std::string_view> pieces_of(std::string_view input, size_t most) {
  std::vector<std::string_view> pieces;
  for (uint64_t draw = fnv1a(input, fnv_start); !input.empty(); draw = draw * 6364136223846793005 + 1) {
    pieces.push_back(input.substr(0, 1 + (draw >> 33) % most));
    input.remove_prefix(pieces.back().size());
  }
  return pieces;
}

std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

heap_bound::heap_bound(size_t input, size_t factor, size_t base)
    : most_(static_cast<int64_t>(base + factor * input)) {
  holds(hooked, "the heap can be watched");
  held = most_held = 0;
  watched = true;
}

heap_bound::~heap_bound() {
  watched = false;
  if (most_held <= most_) return;
  std::fprintf(stderr, "%lld bytes were held at once, %lld are allowed\n", static_cast<long long>(most_held),
               static_cast<long long>(most_));
  holds(false, "memory is in proportion to the input");
}

}  // namespace mw::fuzz
