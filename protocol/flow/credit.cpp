#include "protocol/flow/credit.hpp"

#include <algorithm>
#include <utility>

namespace mw::flow {
namespace {

/// Credit is the broker's leave to lock: never more at once than a session's window of deliveries.
constexpr uint32_t most_at_once = 2'000;
/// How far a flood is looked into for other users' events, for each job that ended.
constexpr size_t parked_per_job = 16;
constexpr size_t enough = 1'000'000;

/// Credit is given in portions of an eighth of the room, not a frame for every delivery.
size_t portion(size_t room) {
  return std::clamp<size_t>(room / 8, 1, 256);
}

size_t left(size_t room, size_t used) {
  return used < room ? room - used : 0;
}

}  // namespace

uint32_t intake_credit::take(const limits& l, const load& now) {
  const size_t granted = size_t{outstanding_} + closing_;
  const size_t ready_room = std::min(l.ready_room, trust_);
  const size_t parked = std::min({now.beyond_share, l.parked_room, parked_});
  const size_t free =
      std::min({left(l.window_room, now.deliveries + granted), left(ready_room, now.ready - parked + granted),
                left(most_at_once, outstanding_)});
  if (free < std::min(portion(l.window_room), portion(ready_room)) || outstanding_ > most_at_once / 2)
    return 0;
  outstanding_ += static_cast<uint32_t>(free);
  return static_cast<uint32_t>(free);
}

void intake_credit::spend(bool first) {
  uint32_t& from = closing_ > 0 ? closing_ : outstanding_;
  if (from > 0) --from;
  if (!first) return;
  trust_ = std::min(trust_ + 2, enough);
  parked_ = std::min(parked_ + 1, enough);
}

void intake_credit::job_ended() {
  trust_ = std::min(trust_ + 2, enough);
  parked_ = std::min(parked_ + parked_per_job, enough);
}

void intake_credit::close() {
  if (away_) return;
  closing_ += std::exchange(outstanding_, 0);
  ++closings_;
}

void intake_credit::closed() {
  if (closings_ > 0 && --closings_ == 0) closing_ = 0;
}

void intake_credit::lost() {
  outstanding_ = closing_ = closings_ = 0;
  away_ = true;
}

void intake_credit::came() {
  away_ = false;
  closings_ = 1;
}

}  // namespace mw::flow
