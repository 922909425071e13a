#include "protocol/observe/trace/sampling.hpp"

#include <cmath>

namespace mw::observe {

sampling::sampling(sampler_kind kind, double ratio) {
  switch (kind) {
    case sampler_kind::parentbased_always_on:
    case sampler_kind::always_on:
      rate_ = 1;
      break;
    case sampler_kind::parentbased_always_off:
    case sampler_kind::always_off:
      rate_ = 0;
      break;
    case sampler_kind::parentbased_traceidratio:
    case sampler_kind::traceidratio:
      rate_ = ratio;
      break;
  }
}

bool sampling::takes(const std::array<uint8_t, 16>& trace_id) const {
  uint64_t number = 0;
  for (size_t i = 8; i-- > 0;) number = number << 8 | trace_id[i];
  return rate_ > 0 && std::ldexp(static_cast<double>(number), -64) <= rate_;
}

}  // namespace mw::observe
