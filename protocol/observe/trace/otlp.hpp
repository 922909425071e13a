// OTLP over HTTP: traces as protobuf or JSON, written by hand from the published schema (the encoders of the
// package cost three times as much CPU, and its HTTP exporter knows neither gzip nor retries nor what became
// of a batch; a test compares ours with them). POST to the traces endpoint; 429, 502, 503 and 504 and lost
// connections are tried again, Retry-After obeyed; other refusals drop the batch; of a partial success the
// rejected spans count as dropped, never sent again.
#pragma once

#include "protocol/observe/trace/batch_sender.hpp"
#include "protocol/observe/trace/spans.hpp"

namespace mw::observe {

enum class otlp_protocol : uint8_t { http_protobuf, http_json };  ///< in the order of the option's choices

using text_pairs = std::vector<std::pair<std::string, std::string>>;

/// "key1=value1,key2=value%202", as OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES have it; pairs
/// that are none are left out.
text_pairs parse_pairs(std::string_view text);

struct otlp_options {
  std::string url;  ///< of the traces endpoint
  text_pairs headers;
  text_pairs resource;  ///< beyond service.name, service.instance.id and service.version
  otlp_protocol protocol = otlp_protocol::http_protobuf;
  bool gzip = false;
  std::chrono::milliseconds timeout{10'000};
};

std::unique_ptr<wire> make_otlp_wire(otlp_options options, trace_facts facts);

}  // namespace mw::observe
