// Everything that leaves the process as telemetry, behind one object: made by `run` where an exporter is
// configured, outlives the actors. Actors know only book(); each finished job goes to every exporter, log
// lines of warning and above to Application Insights alone. Nothing here blocks or fails the work.
#pragma once

#include <optional>

#include "protocol/observe/metrics.hpp"
#include "protocol/observe/trace/insights.hpp"
#include "protocol/observe/trace/otlp.hpp"
#include "protocol/observe/trace/trace_book.hpp"

namespace mw::observe {

struct telemetry_options {
  trace_facts facts;
  trace_book_options book;
  sampler_kind sampler = sampler_kind::parentbased_always_on;
  double ratio = 1;
  std::optional<otlp_options> otlp;
  std::optional<insights_options> insights;  ///< sample_rate and figures are set here
  sender_options sender;                     ///< of OTLP; Application Insights takes its times from it
  std::string ca_file;
  uint64_t seed = 1;
};

class telemetry {
 public:
  /// The loop must run as long as this object lives.
  telemetry(io::loop& loop, telemetry_options options, metrics& m);
  ~telemetry();
  telemetry(const telemetry&) = delete;
  telemetry& operator=(const telemetry&) = delete;

  trace_book& book() { return *book_; }
  /// Sends what is finished, at most `limit`; called once the actors have ended.
  void flush(std::chrono::milliseconds limit);

 private:
  void finished(std::shared_ptr<const job_trace> job);

  http::client http_;
  std::unique_ptr<batch_sender> otlp_;
  std::unique_ptr<batch_sender> insights_;
  std::unique_ptr<trace_book> book_;
};

}  // namespace mw::observe
