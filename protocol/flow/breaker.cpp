#include "protocol/flow/breaker.hpp"

namespace mw::flow {

void breaker::success(time_point now) {
  if (open_) closed_at_ = now;
  open_ = false;
  refused_ = false;
  failed_.clear();
}

bool breaker::failure_of(uint64_t job, bool refused, time_point now) {
  refused_ = refused;
  // What fails while it is open was mostly on its way before: it says nothing new, the next probe does.
  if (open_) return false;
  failed_.insert(job);
  if (failed_.size() < policy_.failures) return false;
  force_open(now);
  return true;
}

void breaker::force_open(time_point now) {
  if (open_) return;
  open_ = true;
  opened_at_ = now;
  next_probe_ = now + interval();
  failed_.clear();
}

bool breaker::take_probe(time_point now) {
  if (!open_ || now < next_probe_) return false;
  next_probe_ = now + interval();
  return true;
}

}  // namespace mw::flow
