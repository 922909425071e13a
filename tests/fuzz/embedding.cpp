// The answer of an embeddings endpoint. Holds: a vector has the dimensions that were asked for, all finite;
// else there are words in one line; memory is in proportion.
#include "protocol/llm/embedding.hpp"

#include <cmath>

#include "protocol/llm/embedder.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint32_t dimensions = 4;
  http::response r;
  r.status = 200;
  r.body = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 200, 64 << 10};
  const auto read = llm::read_embedding(r, "llm.example", dimensions);
  if (!read.vector) {
    fuzz::has_words(read.vector.error());
    return 0;
  }
  fuzz::holds(read.vector->size() == dimensions, "a vector has the dimensions that were asked for");
  for (const float v : *read.vector) fuzz::holds(std::isfinite(v), "a vector is finite");
  return 0;
}
