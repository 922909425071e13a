// What the actors tell the trace book, in its terms: one function per thing that happened. All do nothing
// where jobs are not traced.
#pragma once

#include "actors/services.hpp"
#include "protocol/messages.hpp"

namespace mw {

void trace_received(const services& s, const delivery& d, const amqp::incoming& in, flow::time_point now);
void trace_settled(const services& s, int64_t sequence, std::string_view outcome, const failure* error,
                   flow::time_point now);
void trace_started(const services& s, const flow::job_spec& spec, flow::time_point now);
/// A job that ended; one that goes on (partial) is not told.
void trace_ended(const services& s, const flow::job_spec& spec, const flow::job_result& r,
                 flow::time_point now);
void trace_loaded(const services& s, uint64_t job, flow::time_point from, flow::time_point to,
                  const failure* error);
void trace_written(const services& s, const committed& c, flow::time_point from, flow::time_point to);
void trace_called(const services& s, uint64_t job, const llm::answer& answer, std::string_view purpose,
                  uint32_t max_tokens, const analysis::loaded_conversation& about, flow::time_point now);

}  // namespace mw
