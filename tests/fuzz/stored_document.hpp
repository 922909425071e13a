// A stored document that other programs write as well. Holds: what is read and written reads the same again,
// to the byte; an error names the field; memory is in proportion.
#pragma once

#include "tests/fuzz/common.hpp"

namespace mw::fuzz {

template <class Parse, class Write>
int stored_document(const uint8_t* data, size_t size, Parse parse, Write write) {
  const heap_bound bound{size, 800, 128 << 10};
  const auto first = parse(text_of(data, size));
  if (!first) {
    has_words(first.error());
    holds(first.error().code == errc::malformed, "a damaged document is malformed");
    return 0;
  }
  holds(!first->user_id.empty(), "a document has a user");
  const auto written = write(*first);
  const auto again = parse(written);
  holds(again.has_value(), "what was written can be read");
  same(write(*again), written, "what was written stays as it is");
  return 0;
}

}  // namespace mw::fuzz
