// What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput that reads an input as the
// program would and holds what is read against a property, which its first lines state. Where the property
// does not hold, the process ends and libFuzzer reports the input. What happens depends on the input alone,
// so that each finding can be repeated. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"

namespace mw::fuzz {

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the process with the property's words where it does not hold.
void holds(bool it_does, const char* property);
/// The same for two texts that must be one; shows where they part.
void same(std::string_view a, std::string_view b, const char* property);

/// A failure has words: one line, of bounded length.
void has_words(const failure& f);
/// Its words name a byte of the input: "at byte N", with N no larger than `size`.
void names_a_byte(const failure& f, size_t size);

/// The input in pieces of 1 to `most` bytes, whose sizes depend on the input alone.
std::vector<std::string_view> pieces_of(std::string_view input, size_t most);
/// Up to the first line break, which is taken off as well.
std::string_view take_line(std::string_view& text);

/// The heap that this thread may hold at once, beyond what it held when this was made, and until this goes:
/// `base` plus `factor` for each byte of the input.
class heap_bound {
 public:
  heap_bound(size_t input, size_t factor, size_t base);
  ~heap_bound();
  heap_bound(const heap_bound&) = delete;
  heap_bound& operator=(const heap_bound&) = delete;

 private:
  int64_t most_;
};

}  // namespace mw::fuzz
