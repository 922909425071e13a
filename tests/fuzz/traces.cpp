// A message's trace context, the connection string of Application Insights, and what an OTLP receiver
// answers. Holds: a context that is read is written with the digits that it was read from; an error has
// words.
#include "protocol/base/hex.hpp"
#include "protocol/observe/trace/connection_string.hpp"
#include "protocol/observe/trace/job_trace.hpp"
#include "protocol/observe/trace/otlp_encoding.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 200, 64 << 10};
  if (const auto context = observe::parse_traceparent(text)) {
    std::string written = mw::hex(context->trace) + "-" + mw::hex(context->span) + "-";
    mw::append_hex(written, context->flags);
    fuzz::same(text.substr(3, written.size()), written, "a trace context keeps its digits");
  }
  if (const auto read = observe::parse_insights_connection(text)) {
    fuzz::holds(!read->endpoint.empty() && !read->endpoint.ends_with('/'),
                "an endpoint has no slash at its end");
    fuzz::holds(!read->instrumentation_key.empty(), "a connection has a key");
    read->entra_scope();
  } else {
    fuzz::has_words(read.error());
  }
  observe::rejected_spans(text, true);
  observe::rejected_spans(text, false);
  return 0;
}
