// A small world around dispatch for the randomised test: a broker with locks and counts, stages, dependencies
// that go away, a receiver that loses its connection, a clock. `chaos` makes one random thing happen, `calm`
// lets everything work until nothing is left. Whatever breaks an invariant of docs/design.md 1 and 2 is kept
// in `broken`.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/flow/dispatch.hpp"

namespace mw::flow::test {

class model final : public dispatch_port {
 public:
  explicit model(uint64_t seed);
  void chaos();
  /// Faults end, time passes, everything succeeds. True where every message is settled and the ledger empty.
  bool calm();
  /// After calm(): what was completed is analysed, or covered by a later message with an outcome of its own.
  void judge();

  std::vector<std::string> broken;
  size_t completed() const { return count(fate::completed); }
  size_t dead() const { return count(fate::dead); }

 private:
  enum class fate : uint8_t { queued, locked, completed, dead };
  struct message {
    std::string user, session;
    uint32_t count = 0;
    uint32_t incarnation = 0;  // of its lock
    fate is = fate::queued;
  };
  struct told_settlement {
    settlement what;
    uint32_t incarnation = 0;
  };
  struct running_job {
    job_spec spec;
    stage at = stage::load;
  };

  // --- dispatch_port ---
  void settle(const settlement& s) override;
  void submit(const job_spec& j) override;
  void intake(bool open) override;
  void probe(dependency about) override { probes_.push_back(about); }
  void free_bytes(uint64_t id) override;
  void forget_job(uint64_t) override {}
  void note(mw::flow::note, const detail&) override {}

  size_t roll(size_t n) { return std::uniform_int_distribution<size_t>{0, n - 1}(random_); }
  bool percent(size_t p) { return roll(100) < p; }
  void expect(bool holds, const std::string& what);
  size_t count(fate f) const;
  bool is_down_for(int64_t sequence) const;
  void publish();
  void deliver();
  void hear_settlement(bool faults);
  void work(bool faults);
  void end_job(running_job j, bool faults);
  void end_well(const running_job& j, job_result r, bool faults);
  void lapse_lock();
  void lose_lock(int64_t sequence);
  void lose_receiver();
  void lose_stage();
  void answer_probes();
  void grant_again();
  void pass(duration most);
  void check_room();
  void check_completion(const settlement& s);
  running_job* any_running();

  std::mt19937_64 random_;
  dispatch_options options_;
  time_point now_ = time_point{} + std::chrono::hours{1000};
  std::unique_ptr<dispatch> d_;
  std::map<int64_t, message> messages_;
  std::set<int64_t> ours_;                  // delivered to the ledger, no verdict yet
  std::map<int64_t, settlement> verdicts_;  // told, not confirmed
  std::set<int64_t> remembered_;            // verdicts that could not be told
  std::vector<told_settlement> pending_settlements_;
  std::map<uint64_t, running_job> running_;
  std::map<std::string, int64_t> analysed_;  // user/session -> highest sequence number that was analysed
  std::set<int64_t> may_die_;                // a reason to dead-letter these was reported
  std::map<int64_t, uint32_t> crashes_;
  std::vector<dependency> probes_;
  int64_t last_ = 0;     // sequence number
  int64_t ending_ = -1;  // the delivery whose job just ended well
  size_t credit_ = 0;
  int closings_ = 0;         // of the intake, not answered yet
  uint32_t room_again_ = 0;  // of the loader
  bool loader_there_ = true;
  bool llm_down_ = false;
  bool memory_down_ = false;
};

}  // namespace mw::flow::test
