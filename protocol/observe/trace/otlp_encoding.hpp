// Spans of a job in OTLP's two encodings; private to otlp.cpp and its tests. encode_*: the job's spans, ready
// to be joined with others'; request_*: the whole ExportTraceServiceRequest of several such pieces.
#pragma once

#include <span>

#include "protocol/observe/trace/otlp.hpp"

namespace mw::observe {

std::string encode_protobuf(const job_trace& job, const trace_facts& facts);
std::string encode_json(const job_trace& job, const trace_facts& facts);

std::string request_protobuf(const text_pairs& resource, const trace_facts& facts,
                             std::span<const encoded_item> pieces);
std::string request_json(const text_pairs& resource, const trace_facts& facts,
                         std::span<const encoded_item> pieces);

/// rejectedSpans of an answer's partialSuccess; 0 where there is none.
uint32_t rejected_spans(std::string_view body, bool json);

inline constexpr std::string_view scope_name = "memory-worker";

}  // namespace mw::observe
