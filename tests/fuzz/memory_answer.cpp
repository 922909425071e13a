// What a Memory API answers: both documents, a reply to a commit, a problem. Holds: documents read and
// written again read the same; a failure has words in one line; memory is in proportion.
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory_api/commit_json.hpp"
#include "protocol/memory_api/http_store.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto body = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 800, 128 << 10};
  const auto context = memory_api::parse_context(body);
  if (context) {
    const auto text = [](const memory::context& c) {
      return memory_api::write_context(c.conversation ? memory::write_record(*c.conversation) : "",
                                       c.conversation ? c.conversation->etag : "",
                                       c.user ? memory::write_profile(*c.user) : "",
                                       c.user ? c.user->etag : "");
    };
    const auto written = text(*context);
    const auto again = memory_api::parse_context(written);
    fuzz::holds(again.has_value(), "what was written can be read");
    fuzz::same(text(*again), written, "what was written stays as it is");
  } else {
    fuzz::has_words(context.error());
  }
  if (const auto reply = memory_api::parse_reply(body)) {
    const auto written = memory_api::write_reply(*reply);
    const auto again = memory_api::parse_reply(written);
    fuzz::holds(again.has_value(), "a reply that was written can be read");
    fuzz::same(memory_api::write_reply(*again), written, "a reply stays as it is");
  }
  for (const int status : {302, 400, 401, 404, 413, 422, 429, 500}) {
    http::response r;
    r.status = status;
    r.headers = {{"content-type", "application/problem+json"}};
    r.body = body;
    fuzz::has_words(memory_api::failure_of(r));
  }
  return 0;
}
