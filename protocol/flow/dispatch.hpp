// The ledger and what the dispatcher decides, pure (docs/design.md 2 "The ledger", 3, 6): deliveries keyed by
// the broker's sequence number, windows, users in turn, jobs until their outcome is known, breakers, room.
// The dispatcher actor feeds it events and the time and carries out what it asks through `dispatch_port`;
// tests do the same with virtual time. Nothing here knows CAF, threads or sockets. Not thread-safe.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/base/deliberate_fault.hpp"
#include "protocol/flow/breaker.hpp"
#include "protocol/flow/credit.hpp"
#include "protocol/flow/turns.hpp"
#include "protocol/flow/verdict.hpp"
#include "protocol/flow/windows.hpp"

namespace mw::flow {

/// What the broker is told about one delivery. `what` is complete, dead_letter, abandon or release.
struct settlement {
  int64_t sequence_number = 0;
  action what = action::complete;
  std::string reason;
  std::string description;
};

/// The broker's lock of one delivery. When it ends is known where it is renewed.
struct lock {
  std::array<uint8_t, 16> token{};
};

enum class note : uint8_t {
  window_opened,
  window_closed,
  job_started,
  job_ended,
  job_held,
  message_given_up,
  breaker_opened,
  breaker_closed,
  redis_emptied,
  redelivery_count_rose,
  refused_for_everybody,
  refusals_over
};

/// Carries out what the policy decides. Called from within dispatch's own functions; must not call back into
/// it.
class dispatch_port {
 public:
  virtual ~dispatch_port() = default;
  virtual void settle(const settlement& s) = 0;
  virtual void submit(const job_spec& job) = 0;
  /// Stop (drain) or resume taking deliveries.
  virtual void intake(bool open) = 0;
  /// A cheap synthetic call: no held job is there to probe with.
  virtual void probe(dependency d) = 0;
  /// The job is not running now: the bytes it held are free. An answer it has paid for is kept.
  virtual void free_bytes(uint64_t id) = 0;
  /// The job's outcome is known: its kept answer is free as well.
  virtual void forget_job(uint64_t id) = 0;
  struct detail {
    const job_spec* job = nullptr;
    const job_result* result = nullptr;
    std::string_view rule;  ///< of the verdict table
    std::string_view what;
    dependency about = dependency::none;
    duration elapsed{};
  };
  virtual void note(note n, const detail& d) = 0;
};

struct dispatch_options {
  window_policy windows;
  turn_policy turns;
  breaker_policy breaker;
  size_t window_room = 50'000;
  uint32_t max_failures = 5;
  uint32_t max_delivery_count = 10;
  duration hold_limit = std::chrono::minutes{10};
  duration missing_limit = std::chrono::seconds{5};
  duration job_deadline = std::chrono::minutes{5};
  duration retry_min = std::chrono::milliseconds{250};
  duration retry_max = std::chrono::seconds{30};
  /// Before a question is asked again whose answer could not be read: that one was paid for.
  duration unreadable_min = std::chrono::seconds{5};
  duration unreadable_max = std::chrono::minutes{2};
  uint64_t first_job = 1;  ///< a restarted dispatcher must not reuse the ids of jobs still on their way
};

class dispatch {
 public:
  dispatch(dispatch_options options, dispatch_port& port, uint64_t seed);

  // --- receiver ---
  void arrived(const arrival& a, const lock& l, time_point now);
  /// An event that cannot be read: dead-lettered through the ledger like any other.
  void arrived_unreadable(int64_t sequence_number, const lock& l, const failure& why);
  /// The broker confirmed a settlement: the delivery is not ours any more.
  void settled(int64_t sequence_number);
  /// The lock is gone: the delivery comes back by itself; its window or job goes on and finds the watermark
  /// then.
  void lock_lost(int64_t sequence_number);
  /// A release that the broker has no form for: only the link that received a delivery can give it back. It
  /// is held on, and not tried again, until a redelivery replaces its lock; in a drain it is left to lapse.
  void not_released(int64_t sequence_number, time_point now);
  /// The settlement could not be told: complete and dead-letter are repeated when the delivery comes back.
  void settlement_failed(int64_t sequence_number);
  /// A new connection: everything unsettled is to be adopted, and settlements without an answer are repeated.
  std::vector<std::pair<int64_t, lock>> unsettled() const;
  void repeat_settlements();
  /// Link credit to grant now; 0 where it is not worth a frame. Counts as granted.
  uint32_t take_grant();
  void receiver_lost();
  /// A receiver is there; it says intake_closed() once by itself.
  void receiver_came() { credit_.came(); }
  /// An intake(false) has taken effect: nothing more comes on the credit granted before it.
  void intake_closed() { credit_.closed(); }

  // --- stages. Intake is closed until the loader grants demand for the first time. ---
  void loader_demand(uint32_t jobs, time_point now);
  void entered(uint64_t job, uint32_t attempt, stage at, time_point now);
  void finished(const job_result& r, time_point now);
  /// How often this job's delivery has failed, across redeliveries.
  void failures_counted(uint64_t job, uint32_t failures);
  /// A stage's actor died. `culprit`: the job whose handler ran, 0 unknown. `away`: its dependency was lost.
  void stage_lost(stage at, uint64_t culprit, bool away, time_point now);
  void probed(dependency d, bool well, time_point now);

  /// The delivery a job runs for, while the job lives.
  std::optional<int64_t> sequence_of(uint64_t job) const;

  // --- time, people, shutdown ---
  void tick(time_point now);
  /// What goes on goes on; everything from now on follows the new options (first_job apart).
  void set_options(const dispatch_options& o, time_point now);
  /// Closes windows of a user, or of one conversation; returns how many.
  size_t flush(std::string_view user, std::string_view session, time_point now);
  /// No more intake; windows are given back at once, running jobs go on.
  void drain(time_point now);
  /// Gives back what still runs.
  void abort(time_point now);
  /// drain(); this stage will not come back: what would have to pass it is given back at once.
  void drain_without(stage gone, time_point now);
  /// Deliveries that the drain could not give back.
  size_t left_to_lapse() const { return left_to_lapse_; }
  bool idle() const {
    return jobs_.empty() && settling_.empty() && windows_.size() == 0 &&
           (!credit_.is_closing() || deliberate_fault("end-before-drained"));
  }
  /// When tick() has something to do next.
  time_point next_due(time_point now) const;

  size_t deliveries() const { return ledger_.size(); }
  size_t open_windows() const { return windows_.open(); }
  size_t waiting() const { return windows_.size() - windows_.open(); }
  size_t running() const { return running_; }
  size_t held() const { return jobs_.size() - running_; }
  bool intake_open() const { return intake_open_; }
  const breaker& breaker_of(dependency d) const { return breakers_[static_cast<size_t>(d)]; }

 private:
  /// Where a job waits, or that it runs.
  enum class place : uint8_t {
    running,
    held,     ///< in held_, until its time
    turn,     ///< in turns_, for its user's turn
    suspects  ///< in suspects_, to run alone
  };
  struct job {
    job_spec spec;
    window from;
    stage at = stage::load;
    place where = place::turn;
    bool suspect = false;
    time_point submitted{};
    time_point seen{};           ///< when a stage last said that it has the job
    time_point first_trouble{};  // since when it cannot go on; for the hold limit
    time_point last_trouble{};
    time_point missing_since{};
    errc last_error{};
    stage last_stage{};
    time_point retry_at{};
    uint32_t failures = 0;    // for the same cause in a row
    uint32_t rejections = 0;  // of these, while others passed the stage
    uint32_t counted = 0;     // failures across redeliveries, as Redis says
    bool apart = false;       // held for its own sake: takes no room of what is ready
  };
  struct ledger_entry {
    lock held;
    uint32_t delivery_count = 0;
    event_ids ids;           ///< a bus that was made anew uses its numbers again
    bool releasable = true;  ///< as far as we know
  };

  // --- deliveries and windows: dispatch.cpp ---
  static std::string session_key(std::string_view user, std::string_view session);
  job* job_of(std::string_view user, std::string_view session);
  bool came_again(const arrival& a, const lock& l, time_point now);
  void number_used_again(int64_t sequence_number, const event_ids& before);
  bool join_job(const arrival& a);
  void came_back_released(const arrival& a);
  void place_window(const windows::added& added);
  void became_ready(const window* w);
  void queue_window(const window* w);
  void unqueue_window(const window* w);
  bool near_last_delivery(uint32_t delivery_count) const;
  void settle(const settlement& s);

  // --- starting jobs: dispatch_start.cpp ---
  bool blocked() const;
  void pump(time_point now);
  bool pump_one(time_point now);
  bool start_probe(time_point now);
  bool start_held_early(dependency about, time_point now);
  bool start_suspect(time_point now);
  bool start_turn(time_point now);
  job& open_job(const window* w);
  void submit(job& j, time_point now);
  void wait_for_turn(job& j);
  void wake_due(time_point now);

  // --- how jobs end: dispatch_outcome.cpp ---
  void reopen(const window& w, int64_t postpone_ms, time_point now);
  void failed(job& j, const job_result& r, time_point now);
  void count_missing(job& j, errc code, time_point now);
  void count_refusal(const job& j, situation& s, const job_result& r);
  void count_failure(job& j, const job_result& r, time_point now);
  void carry_out(job& j, const situation& s, const job_result& r, time_point now);
  duration delay_of(const job& j, const situation& s, const verdict& v);
  duration backoff(uint32_t failures, duration most);
  duration unreadable_pause(uint32_t failures);
  static bool must_wait(const job& j);
  duration hold_limit(int64_t sequence_number, uint32_t delivery_count) const;
  void hold(job& j, duration delay, time_point now, bool apart = false);
  void hold_until(job& j, time_point t);
  void unhold(job& j);
  void stop_running(job& j);
  void count_crash(const job& j);
  void end_job(uint64_t id, const settlement& s);
  void close_job(uint64_t id);
  job take_job(uint64_t id);

  // --- giving back: dispatch_release.cpp ---
  bool releasable(int64_t sequence_number) const;
  void give_back_job(uint64_t id, const settlement& s);
  void give_back_window(const window* w, std::string_view reason);
  void go_on(job j, time_point now);
  void forget_given_back(int64_t sequence_number);
  void leave_to_lapse(int64_t sequence_number);
  void give_back_stuck();

  // --- dependencies, lost stages: dispatch_trouble.cpp ---
  void note_passes(const job& j, const job_result& r, bool llm_called, time_point now);
  void passed(stage at, const job& j, time_point now);
  bool others_passed(stage at, const job& j) const;
  static bool may_be_refused_to_all(const job& j, const job_result& r);
  void charge_dependency(job& j, const job_result& r, time_point now);
  void breaker_opened(dependency d, const job* j, const job_result* r, std::string_view what);
  void dependency_well(dependency d, time_point now);
  void probe_synthetically(time_point now);
  void release_overdue(time_point now);
  void check_deadlines(time_point now);
  void update_intake();
  breaker& breaker_mut(dependency d) { return breakers_[static_cast<size_t>(d)]; }

  dispatch_options options_;
  dispatch_port& port_;
  std::mt19937_64 random_;
  windows windows_;
  turns turns_;
  std::array<breaker, 5> breakers_;
  std::array<bool, 5> rejecting_{};  ///< opened by refusals that may be about those jobs alone
  std::unordered_map<int64_t, ledger_entry> ledger_;
  std::unordered_map<int64_t, settlement> settling_;
  std::unordered_map<int64_t, job> given_back_;  // until the broker's answer; a window alone has no job id
  size_t left_to_lapse_ = 0;
  struct told_later {
    settlement verdict;
    event_ids ids;
  };
  std::map<int64_t, told_later> remembered_;  // verdicts the broker could not be told; bounded
  std::map<int64_t, uint32_t> released_;      // delivery counts of what we gave back; bounded
  std::unordered_map<uint64_t, job> jobs_;
  std::unordered_map<std::string, uint64_t> active_;  // session key -> job
  std::set<std::pair<time_point, uint64_t>> held_;    // by retry time
  struct crash_count {
    event_ids ids;
    uint32_t crashes = 0;
  };
  std::map<int64_t, crash_count> crashes_;  // by sequence number, until the delivery is done; bounded
  std::deque<turn> suspects_;
  uint64_t suspect_running_ = 0;        // job
  std::array<time_point, 4> passed_{};  // by stage: the latest submission of a job that passed it
  /// By stage: users it refused since it passed anybody; bounded.
  std::array<std::set<std::string, std::less<>>, 4> refused_users_;
  time_point deadlines_checked_{};
  time_point overdue_checked_{};
  uint64_t next_job_;
  size_t running_ = 0;
  size_t allowed_;  // slow start after an outage
  uint32_t demand_ = 0;
  intake_credit credit_;
  size_t apart_ = 0;  ///< held jobs that wait for their own sake
  stage memory_trouble_at_ = stage::load;
  std::optional<stage> gone_;   // of a drain
  bool release_costs_ = false;  // a released delivery came back with a higher count
  bool loader_away_ = true;
  bool intake_open_ = false;
  bool draining_ = false;
  std::set<std::string, std::less<>> missing_sessions_;  // since a conversation was found last; bounded
};

}  // namespace mw::flow
