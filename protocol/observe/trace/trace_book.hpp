// Collects what the actors measure of each job and hands the finished job on, as one value. Every function is
// a short locked section and may be called from any thread; there is no book at all where tracing is off.
// A job's trace begins with started(), gets stages and calls, and is complete when the broker has confirmed
// its settlement. The contexts of all messages that arrived for a conversation up to the job's own become its
// links, at most `most_links`. Bounded: what nobody finishes makes room for what is new. Jobs that the
// sampler does not take cost one look-up.
#pragma once

#include <functional>
#include <mutex>
#include <random>
#include <unordered_map>

#include "protocol/observe/trace/job_trace.hpp"
#include "protocol/observe/trace/sampling.hpp"

namespace mw::observe {

struct received_message {
  int64_t sequence = 0;
  uint32_t delivery_count = 0;
  int64_t enqueued_ms = 0;
  std::string_view message_id;
  trace_time at;
};

struct trace_book_options {
  size_t most_links = 128;
  size_t most_waiting = 120'000;   ///< conversations with messages whose job has not started
  size_t most_messages = 250'000;  ///< of all of them together; beyond it they are only counted
  size_t most_jobs = 50'000;       ///< jobs not finished, and as many not settled
  size_t most_parts = 64;          ///< stages and calls of one job, each
  bool capture_content = false;
};

class trace_book {
 public:
  using sink = std::function<void(std::shared_ptr<const job_trace>)>;
  trace_book(trace_book_options options, sampling sampler, uint64_t seed, sink finished);

  bool captures_content() const { return options_.capture_content; }

  void received(const event_ids& ids, const received_message& m);
  /// Once an attempt; the first draws the ids and asks the sampler.
  void started(uint64_t job, uint32_t attempt, const event_ids& ids, int64_t sequence, trace_time now);
  void stage(uint64_t job, stage_trace s);
  void called(uint64_t job, chat_call c);
  /// The conversation was not quiet yet: the window goes on, its messages belong to a later job.
  void postponed(uint64_t job);
  /// The outcome is known; `sequence` is the delivery that will be settled.
  void ended(uint64_t job, int64_t sequence, std::string_view end, std::string_view error,
             std::string_view detail, trace_time now);
  /// The ledger knows the job no more. One that had not ended was given back.
  void closed(uint64_t job, trace_time now);
  /// The broker's answer; deliveries without an ended job are no matter.
  void settled(int64_t sequence, std::string_view disposition, std::string_view error, trace_time now);
  /// A new ledger with new job ids: running jobs are nobody's.
  void ledger_restarted();
  /// Hands on what has ended and will not be confirmed any more.
  void flush(trace_time now);

 private:
  struct waiting {
    struct one {
      int64_t sequence;
      std::optional<trace_context> context;
    };
    std::vector<one> messages;
    received_message newest;
    std::string message_id;
    uint32_t more = 0;        ///< messages that are only counted
    uint32_t more_links = 0;  ///< ... of these with a context
  };
  using job_ptr = std::shared_ptr<job_trace>;
  waiting& waiting_of(uint64_t key);
  void note_message(waiting& w, int64_t sequence, const std::optional<trace_context>& context);
  void take_messages(job_trace& j, uint64_t key, int64_t sequence);
  void hand_on(job_ptr j, trace_time now);

  const trace_book_options options_;
  const sampling sampler_;
  const sink finished_;
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::unordered_map<uint64_t, waiting> waiting_;  ///< by hash of user and session
  size_t messages_ = 0;                            ///< in all of them
  std::unordered_map<uint64_t, job_ptr> jobs_;
  std::unordered_map<int64_t, job_ptr> settling_;  ///< by sequence number
};

}  // namespace mw::observe
