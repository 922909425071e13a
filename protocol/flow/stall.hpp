// Whether the LLM hangs: calls are out, and nothing has been heard from it for longer than its answers
// usually take. That alone says little, so it only asks for a probe: a cheap call with a short time-out of
// its own, beside the calls' slots. A probe that is answered tells a slow LLM from one that hangs, and so
// does any answer, however late. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "protocol/flow/job.hpp"

namespace mw::flow {

struct stall_policy {
  duration least =
      std::chrono::seconds{5};  ///< silence before a probe, where answers are quick or none came yet
  duration most = std::chrono::seconds{60};  ///< after that the calls' own time-out tells
};

class stall_watch {
 public:
  void set_policy(stall_policy p) { policy_ = p; }
  void asked(time_point now);
  /// A call was answered, well or badly, after this time.
  void answered(duration took, time_point now);
  /// A call is waited for no longer; nothing was heard.
  void ended() { out_ = out_ > 0 ? out_ - 1 : 0; }
  /// An answer to something else took so long: others may as well.
  void took(duration time) { usual_ = std::max(usual_, time); }
  /// Something else was heard: a probe's answer, a refusal, a late answer.
  void heard(time_point now);

  /// How long a call is out at least before it can hang.
  duration least() const { return policy_.least; }
  /// When a probe is to be sent; time_point::max() where none is.
  time_point due() const;
  /// A probe is on its way from now on, until it is heard or failed. The next one has to wait a little.
  void probing(time_point now);
  /// The probe failed. True where calls have been out in silence for long enough: they hang.
  bool probe_failed(time_point now);

 private:
  duration patience() const {
    return std::min(std::max(policy_.least, 2 * usual_), std::max(policy_.least, policy_.most));
  }
  time_point silent_for_too_long() const { return quiet_since_ + patience(); }

  stall_policy policy_;
  uint32_t out_ = 0;
  bool probing_ = false;
  time_point not_before_{};  // the next probe
  time_point quiet_since_{};
  duration usual_{};  // moving average
};

}  // namespace mw::flow
