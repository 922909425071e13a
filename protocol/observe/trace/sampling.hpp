// Which jobs are traced, as OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say. The decision is
// opentelemetry's own samplers' (the package), asked once when a job starts. A job's span is a root: it has
// links to the messages' traces, no parent, so the parentbased samplers decide as their root sampler does.
// Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

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
  ~sampling();
  sampling(sampling&&) noexcept;
  bool takes(const std::array<uint8_t, 16>& trace_id) const;
  /// The part of the jobs that is taken, 0 .. 1.
  double rate() const;

 private:
  struct inside;
  std::unique_ptr<inside> inside_;
};

}  // namespace mw::observe
