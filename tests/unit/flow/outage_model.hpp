// Outages in virtual time: a broker with locks and delivery counts, publishers at a steady rate, and a worker
// that is flow::dispatch with jobs that load, ask the LLM and commit. Dependencies go away and come back
// together, and the worker may be killed meanwhile. run() gives the same figures as tests/crash/run --outage
// does for the real programs.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "protocol/flow/dispatch.hpp"

namespace mw::flow::test {

struct outage_plan {
  std::set<dependency> of;  ///< all away at once
  duration lasts = std::chrono::minutes{5};
  duration kill_every{};  ///< 0: never
  duration hold_limit = std::chrono::minutes{10};
  duration quiet = std::chrono::seconds{2};
  double published_per_s = 3;
};

struct outage_figures {
  size_t published = 0;
  size_t lost = 0;  ///< never analysed up to their last message
  size_t dead_lettered = 0;
  size_t counts_burnt = 0;        ///< delivery counts that went up
  size_t held_at_kills = 0;       ///< what the kills may burn: one count of each delivery held
  size_t lapsed_without_bus = 0;  ///< locks that nobody could renew because the bus was away
  size_t most_held = 0;
  duration recovered_after{};  ///< jobs end at the publishers' rate again
};

class outage_model final : public dispatch_port {
 public:
  explicit outage_model(outage_plan plan);
  outage_figures run();

 private:
  enum class fate : uint8_t { queued, locked, done, dead };
  struct message {
    std::string user, session;
    uint32_t count = 0;
    fate is = fate::queued;
    time_point lock_until{};
  };
  struct work {
    job_spec spec;
    stage at = stage::load;
    time_point until{};
  };

  void settle(const settlement& s) override { pending_settlements_.push_back(s); }
  void submit(const job_spec& j) override;
  void intake(bool open) override;
  void probe(dependency about) override { probes_.push_back(about); }
  void free_bytes(uint64_t id) override;
  void forget_job(uint64_t) override {}
  void note(mw::flow::note, const detail&) override {}

  bool away(dependency d) const { return now_ >= from_ && now_ < to_ && plan_.of.contains(d); }
  void start_worker();
  void kill_worker();
  void change_dependencies();
  void publish();
  void deliver();
  void renew_and_lapse();
  void answer();
  void work_on_jobs();
  void step_job(work& w);
  void fail(const work& w, stage at, dependency from, errc code);
  bool all_settled() const;

  outage_plan plan_;
  outage_figures figures_;
  time_point now_ = time_point{} + std::chrono::hours{1000};
  time_point start_ = now_;
  time_point from_ = now_ + std::chrono::minutes{1};
  time_point to_;
  time_point next_kill_;
  std::unique_ptr<dispatch> d_;
  std::map<int64_t, message> messages_;
  std::set<int64_t> queued_;
  std::set<int64_t> held_;  // by the worker that runs
  std::map<std::string, int64_t> analysed_;
  std::vector<settlement> pending_settlements_;
  std::vector<dependency> probes_;
  std::map<uint64_t, work> running_;
  std::deque<time_point> ended_;  // jobs, within the last seconds
  bool redis_was_away_ = false;
  bool bus_was_away_ = false;
  size_t credit_ = 0;
  int closings_ = 0;
  uint32_t room_ = 0;
};

}  // namespace mw::flow::test
