// Envelopes of Application Insights, one JSON object each: a job's root span becomes a request, its other
// spans dependencies, a failed job an exception as well; log lines become traces, figures metrics. Attributes
// go to customDimensions (properties) as texts, so that a query by gen_ai.usage.input_tokens,
// gen_ai.response.model, app.user_id or app.session_id finds them; the service's name is cloud_RoleName, the
// node cloud_RoleInstance. Fields are cut at the service's limits. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/iso_time.hpp"
#include "protocol/observe/trace/spans.hpp"

namespace mw::observe {

struct envelope_context {
  std::string instrumentation_key;
  trace_facts facts;
  double sample_rate = 100;  ///< percent of the jobs that are traced
};

struct metric_point {
  std::string_view name;
  double value = 0;  ///< of an aggregation the sum
  uint64_t count = 1;
};

/// Of one job, the request first.
std::vector<std::string> job_envelopes(const envelope_context& c, const job_trace& job);
/// Of one line of the JSON log; empty where the line is none or is about telemetry itself.
std::string log_envelope(const envelope_context& c, std::string_view line);
std::string metric_envelope(const envelope_context& c, const metric_point& m, wall_time now);

/// "D.HH:MM:SS.ffffff"
std::string insights_duration(int64_t ns);

}  // namespace mw::observe
