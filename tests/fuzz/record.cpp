// The stored document of a conversation's record, which other programs write as well. Holds: what is read and
// written reads the same again, to the byte; an error names the field; memory is in proportion.
#include "protocol/memory/documents_json.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::heap_bound bound{size, 800, 128 << 10};
  const auto first = memory::parse_record(fuzz::text_of(data, size));
  if (!first) {
    fuzz::has_words(first.error());
    fuzz::holds(first.error().code == errc::malformed, "a damaged document is malformed");
    return 0;
  }
  fuzz::holds(!first->user_id.empty(), "a document has a user");
  const auto written = memory::write_record(*first);
  const auto again = memory::parse_record(written);
  fuzz::holds(again.has_value(), "what was written can be read");
  fuzz::same(memory::write_record(*again), written, "what was written stays as it is");
  return 0;
}
