// The ledger and what the dispatcher decides, pure (DESIGN 2 "The ledger", 3, 6): deliveries keyed by the
// broker's sequence number, windows, users in turn, jobs until their outcome is known, breakers, room. The
// dispatcher actor feeds it events and the time and carries out what it asks through `dispatch_port`; tests
// do the same with virtual time. Nothing here knows CAF, threads or sockets. Not thread-safe.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/flow/breaker.hpp"
#include "protocol/flow/turns.hpp"
#include "protocol/flow/windows.hpp"
#include "protocol/verdict.hpp"

namespace mw::flow {

/// What the broker is told about one delivery. `what` is complete, dead_letter, abandon or release.
struct settlement {
  int64_t sequence_number = 0;
  action what = action::complete;
  std::string reason;
  std::string description;
};

/// The broker's lock of one delivery, as last known.
struct lock {
  std::array<uint8_t, 16> token{};
  time_point until{};
};

enum class note : uint8_t {
  window_opened,
  window_closed,
  job_started,
  job_ended,
  job_held,
  breaker_opened,
  breaker_closed,
  redis_emptied,
  redelivery_count_rose
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
};

class dispatch {
 public:
  dispatch(dispatch_options options, dispatch_port& port, uint64_t seed);

  // --- receiver ---
  void arrived(const arrival& a, const lock& l, time_point now);
  /// An event that cannot be read: dead-lettered through the ledger like any other.
  void arrived_unreadable(int64_t sequence_number, const lock& l, const failure& why);
  /// The broker answered a settlement. `again` where the delivery is still ours and the settlement must be
  /// repeated.
  void settled(int64_t sequence_number);
  /// The lock is gone: the delivery comes back by itself; its window or job goes on and finds the watermark
  /// then.
  void lock_lost(int64_t sequence_number);
  /// The settlement could not be told: it is repeated when the delivery comes back.
  void settlement_failed(int64_t sequence_number);
  /// A new connection: everything unsettled is to be adopted, and settlements without an answer are repeated.
  std::vector<std::pair<int64_t, lock>> unsettled() const;
  void repeat_settlements();
  /// Link credit to grant now; 0 where it is not worth a frame. Counts as granted.
  uint32_t take_grant();
  void receiver_lost() { outstanding_credit_ = 0; }

  // --- stages ---
  void loader_demand(uint32_t jobs, time_point now);
  void entered(uint64_t job, uint32_t attempt, stage at);
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
  /// Closes windows of a user, or of one conversation; returns how many.
  size_t flush(std::string_view user, std::string_view session, time_point now);
  /// No more intake; windows are given back at once, running jobs go on.
  void drain(time_point now);
  /// Gives back what still runs.
  void abort(time_point now);
  bool idle() const { return jobs_.empty() && settling_.empty() && windows_.size() == 0; }
  /// When tick() has something to do next.
  time_point next_due(time_point now) const;
  void set_windows(window_policy p) { windows_.set_policy(p); }

  size_t deliveries() const { return ledger_.size(); }
  size_t open_windows() const { return windows_.open(); }
  size_t waiting() const { return windows_.size() - windows_.open(); }
  size_t running() const { return running_; }
  size_t held() const { return jobs_.size() - running_; }
  bool intake_open() const { return intake_open_; }
  const breaker& breaker_of(dependency d) const { return breakers_[static_cast<size_t>(d)]; }

 private:
  struct job {
    job_spec spec;
    window from;
    stage at = stage::load;
    bool is_running = false;
    bool suspect = false;
    bool probing = false;
    time_point submitted{};
    time_point first_trouble{};
    time_point missing_since{};
    time_point retry_at{};
    errc last_error{};
    uint32_t failures = 0;
    uint32_t counted = 0;  // failures across redeliveries, as Redis says
  };
  struct ledger_entry {
    lock held;
    uint32_t delivery_count = 0;
  };

  static std::string session_key(std::string_view user, std::string_view session);
  void became_ready(const window* w);
  bool join_held_job(const arrival& a);
  void pump(time_point now);
  bool pump_one(time_point now);
  bool start_held(time_point now, bool any);
  bool start_window(time_point now);
  void submit(job& j, time_point now);
  void hold(job& j, duration delay, time_point now);
  void end_job(uint64_t id, const settlement& s);
  void close_job(uint64_t id);
  void unhold(const job& j);
  void settle(const settlement& s);
  void failed(job& j, const job_result& r, time_point now);
  void carry_out(job& j, const verdict& v, const job_result& r, time_point now);
  void charge_dependency(job& j, const job_result& r, time_point now);
  void dependency_well(dependency d, time_point now);
  void probe_synthetically(time_point now);
  void release_overdue(time_point now);
  void check_deadlines(time_point now);
  void update_intake(time_point now);
  bool blocked() const;
  duration backoff(uint32_t failures);
  breaker& breaker_mut(dependency d) { return breakers_[static_cast<size_t>(d)]; }
  void made_progress();
  size_t room_cap() const;

  dispatch_options options_;
  dispatch_port& port_;
  std::mt19937_64 random_;
  windows windows_;
  turns turns_;
  std::array<breaker, 5> breakers_;
  std::unordered_map<int64_t, ledger_entry> ledger_;
  std::unordered_map<int64_t, settlement> settling_;
  std::map<int64_t, settlement> remembered_;  // verdicts the broker could not be told; bounded
  std::unordered_map<uint64_t, job> jobs_;
  std::unordered_map<std::string, uint64_t> active_;  // session key -> job
  std::multimap<time_point, uint64_t> held_;          // by retry time
  time_point deadlines_checked_{};
  std::unordered_map<int64_t, uint32_t> crashes_;  // by sequence number, until completed
  std::deque<const window*> suspects_;
  uint64_t next_job_ = 1;
  size_t running_ = 0;
  size_t allowed_;  // slow start after an outage
  uint32_t demand_ = 0;
  uint32_t outstanding_credit_ = 0;
  bool loader_away_ = true;
  bool intake_open_ = true;
  bool draining_ = false;
  bool suspect_running_ = false;
  std::string last_missing_;
  uint32_t missing_in_a_row_ = 0;
};

}  // namespace mw::flow
