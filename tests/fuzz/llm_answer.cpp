// The body of an LLM's answer, with several statuses. Holds: an answer has a text, or a failure with words in
// one line; a pause it asks for is at most ten minutes; no text comes from nowhere; memory is in proportion.
#include "protocol/llm/response.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto body = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 400, 128 << 10};
  const std::chrono::system_clock::time_point now{std::chrono::seconds{1'780'000'000}};
  for (const int status : {200, 302, 400, 401, 403, 404, 429, 500, 503}) {
    http::response r;
    r.status = status;
    r.body = body;
    const auto reply = llm::read_reply(r, "llm.example", now);
    if (reply.content) {
      fuzz::holds(status == 200, "only a 200 is an answer");
      fuzz::holds(!reply.content->empty(), "an answer has a text");
      fuzz::holds(reply.content->size() <= 3 * size, "no text from nowhere");
    } else {
      fuzz::has_words(reply.content.error());
      fuzz::holds(reply.content.error().retry_after <= std::chrono::minutes{10},
                  "no pause is longer than ten minutes");
    }
    const auto refusal = llm::read_refusal(r, "llm.example", now);
    if (refusal) fuzz::has_words(*refusal);
    fuzz::holds(refusal || status == 200, "another status is a refusal");
  }
  return 0;
}
