// The Application Insights exporter's wire: POST IngestionEndpoint/v2.1/track, a gzipped JSON array of
// envelopes. 206: only what the service says is retryable goes again, by index; 401, 403, 408, 429, 500, 502,
// 503, 504 and lost connections: the batch goes again, Retry-After obeyed; 402 and 439 (quota) and 400: the
// batch is dropped; 307 and 308: the new place is remembered (at most 10 in a row, never from https to http).
// With AADAudience and a token source a bearer token goes along.
#pragma once

#include "protocol/azure/token_source.hpp"
#include "protocol/observe/trace/batch_sender.hpp"
#include "protocol/observe/trace/connection_string.hpp"
#include "protocol/observe/trace/envelopes.hpp"

namespace mw::observe {

struct insights_options {
  insights_connection connection;
  double sample_rate = 100;
  std::chrono::milliseconds timeout{10'000};
  azure::token_source* tokens = nullptr;  ///< outlives the wire; null: none, the key alone identifies
  /// Figures since the call before; called on the exporter's thread.
  std::function<std::vector<metric_point>()> figures;
};

std::unique_ptr<wire> make_insights_wire(insights_options options, trace_facts facts);

}  // namespace mw::observe
