// Link credit: how many deliveries the broker may send us now. Every delivery we hold costs one of its counts
// when the process dies, so what is *ready* (to be worked on now) is limited to a few rounds of jobs, and a
// process that has just started trusts itself with two: each event that comes for the first time and each
// job that ends adds two, until a few rounds are reached. Open windows count against the window room only.
// One user's ready windows beyond his share do not keep the others' events out: they count apart, within
// room of their own that grows as jobs end. Pure; used by flow::dispatch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mw::flow {

class intake_credit {
 public:
  struct limits {
    size_t window_room = 50'000;  ///< deliveries, open windows included
    size_t ready_room = 56;       ///< of these ready at once, in the long run
    size_t parked_room = 12'500;  ///< ready ones beyond their user's share, in the long run
  };
  struct load {
    size_t deliveries = 0;
    size_t ready = 0;
    size_t beyond_share = 0;  ///< of `ready`
  };

  /// What to grant now; 0 where it is not worth a frame. Counts as granted.
  uint32_t take(const limits& l, const load& now);
  /// A delivery came. `first`: it was never delivered before.
  void spend(bool first);
  void job_ended();
  /// Intake closes: what is granted may still come until closed().
  void close();
  void closed();
  /// The link is gone with all its credit: nobody is there to close anything.
  void lost();
  /// There is a receiver (again). It answers once by itself, with closed(): nothing comes any more on credit
  /// that was granted before us.
  void came();
  /// Something may still come on credit that was granted before a close(), or before us.
  bool is_closing() const { return closings_ > 0; }

 private:
  uint32_t outstanding_ = 0;
  uint32_t closing_ = 0;   ///< granted before a close() that has not taken effect yet
  uint32_t closings_ = 0;  ///< of these, how many
  bool away_ = false;
  size_t trust_ = 2;
  size_t parked_ = 0;
};

}  // namespace mw::flow
