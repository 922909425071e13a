// Which jobs are traced, as OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say; asked once when a job
// starts. A job's span is a root: it has links to the messages' traces, no parent, so the parentbased
// samplers decide as their root sampler does. A ratio takes the trace ids whose first 8 bytes, as a
// little-endian number, are at most ratio * 2^64; ratio 0 takes none. That is how OpenTelemetry's C++
// samplers decide. Thread-safe.
#pragma once

#include <array>
#include <cstdint>

namespace mw::observe {

/// In the order of the option's choices.
enum class sampler_kind : uint8_t {
  parentbased_always_on,
  parentbased_always_off,
  parentbased_traceidratio,
  always_on,
  always_off,
  traceidratio
};

class sampling {
 public:
  /// `ratio` 0 .. 1, used by the ratio samplers only.
  sampling(sampler_kind kind, double ratio);
  bool takes(const std::array<uint8_t, 16>& trace_id) const;
  /// The part of the jobs that is taken, 0 .. 1.
  double rate() const { return rate_; }

 private:
  double rate_ = 1;
};

}  // namespace mw::observe
