#include "protocol/flow/stall.hpp"

namespace mw::flow {

void stall_watch::asked(time_point now) {
  if (out_++ == 0) quiet_since_ = now;
}

void stall_watch::answered(duration took, time_point now) {
  usual_ = usual_ == duration::zero() ? took : usual_ + (took - usual_) / 8;
  ended();
  heard(now);
}

void stall_watch::heard(time_point now) {
  quiet_since_ = now;
  probing_ = false;
}

time_point stall_watch::due() const {
  return out_ == 0 || probing_ ? time_point::max() : std::max(silent_for_too_long(), not_before_);
}

void stall_watch::probing(time_point now) {
  probing_ = true;
  not_before_ = now + policy_.least;
}

bool stall_watch::probe_failed(time_point now) {
  probing_ = false;
  return out_ > 0 && now >= silent_for_too_long();
}

}  // namespace mw::flow
