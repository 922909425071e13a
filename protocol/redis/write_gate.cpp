#include "protocol/redis/write_gate.hpp"

namespace mw::redis {

bool write_gate::may_write(time_point now) {
  const std::lock_guard lock{mutex_};
  if (!why_) return true;
  if (now < next_try_) return false;
  next_try_ = now + retry_after;
  return true;
}

bool write_gate::may_read() const {
  const std::lock_guard lock{mutex_};
  return !why_ || why_->code != errc::forbidden;
}

bool write_gate::is_open() const {
  const std::lock_guard lock{mutex_};
  return !why_;
}

void write_gate::answered(const failure* error, time_point now) {
  const bool refused = error && (error->code == errc::no_memory || error->code == errc::forbidden);
  if (error && !refused) return;  // says nothing about the right to write
  {
    const std::lock_guard lock{mutex_};
    const bool was_open = !why_;
    if (refused) {
      why_ = *error;
      next_try_ = now + retry_after;
    } else {
      why_.reset();
    }
    if (was_open != refused) return;
  }
  if (changed_) changed_(error);
}

void write_gate::new_connection() {
  const std::lock_guard lock{mutex_};
  next_try_ = {};
}

failure write_gate::refusal() const {
  const std::lock_guard lock{mutex_};
  return fail(dependency::redis, why_ ? why_->code : errc::no_memory, "Redis takes no keys of ours now");
}

}  // namespace mw::redis
