// Takes finished jobs and log lines off the hot path and sends them in batches, on a thread of its own: what
// both exporters have in common. offer() costs a short locked push, never waits and never fails the work;
// what there is no room for (items and bytes are bounded) is dropped and counted. What differs between the
// protocols is a `wire`: encoding, the request, what an answer means. One request is in flight at a time;
// it goes through http::client. Trouble is logged once, and once when it is over.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "protocol/http/client.hpp"
#include "protocol/observe/trace/job_trace.hpp"

namespace mw::observe {

struct incoming_item {
  std::shared_ptr<const job_trace> job;
  std::string line;  ///< of the log, where there is no job
  uint32_t weight = 1;
};

struct encoded_item {
  std::string bytes;
  uint32_t weight = 1;  ///< what the limits count: spans, envelopes
  uint32_t tries = 0;
};

/// What an answer means for the batch it answers.
struct answer_verdict {
  std::vector<size_t> again;         ///< to be sent again, by index
  bool all_again = false;            ///< the whole batch
  bool at_once = false;              ///< without waiting: the wire follows a redirect
  uint32_t refused = 0;              ///< items that are lost
  std::string_view cause;            ///< why, a static text for the metric
  std::string detail;                ///< for the log; empty: nothing to say
  std::chrono::milliseconds wait{};  ///< as the peer asked; 0: our own back-off
};

class wire {
 public:
  virtual ~wire() = default;
  virtual std::string_view name() const = 0;
  virtual void encode(const incoming_item& in, std::vector<encoded_item>& out) = 0;
  /// Called every metric interval, and at the end.
  virtual void periodic(std::vector<encoded_item>&) {}
  /// What goes into the Authorization header; answers exactly once, from any thread. Empty text: no header.
  virtual void authorize(std::function<void(result<std::string>)> done) { done(std::string{}); }
  virtual http::request compose(std::span<const encoded_item> batch, const std::string& authorization) = 0;
  virtual answer_verdict judge(const result<http::response>& answer, std::span<const encoded_item> batch) = 0;
};

struct sender_options {
  uint32_t most_items = 2048;  ///< by weight, waiting
  uint64_t most_bytes = 16u << 20;
  uint32_t batch_items = 512;
  uint64_t batch_bytes = 1u << 20;
  uint32_t most_tries = 10;
  std::chrono::milliseconds delay{5'000};  ///< a batch that is not full goes after it
  std::chrono::milliseconds metric_interval{60'000};
  std::chrono::milliseconds retry_min{1'000};
  std::chrono::milliseconds retry_max{60'000};
};

/// Counts, by weight. Called from any thread.
struct sender_counters {
  std::function<void(std::string_view exporter, uint32_t n)> sent = [](std::string_view, uint32_t) {};
  std::function<void(std::string_view cause, uint32_t n)> dropped = [](std::string_view, uint32_t) {};
};

class batch_sender {
 public:
  /// The client must outlive this object.
  batch_sender(http::client& http, std::unique_ptr<wire> w, sender_options options, sender_counters count);
  ~batch_sender();  ///< what was not flushed is dropped and counted
  batch_sender(const batch_sender&) = delete;
  batch_sender& operator=(const batch_sender&) = delete;

  void offer(incoming_item item);
  /// Sends what waits, at once; until all is told, a try has failed, or the limit has passed. True: all told.
  bool flush(std::chrono::milliseconds limit);

 private:
  struct mailbox;
  void run();
  void take(std::vector<incoming_item> got, trace_time first_at);
  void keep(std::vector<encoded_item> made, trace_time since);
  void answered(const result<http::response>& answer);
  void put_back(const answer_verdict& v);
  void send();
  bool has_full_batch() const;
  bool may_send() const;
  void note_trouble(const std::string& detail);
  trace_time wake_at() const;

  http::client& http_;
  std::unique_ptr<wire> wire_;
  const sender_options options_;
  const sender_counters count_;
  std::shared_ptr<mailbox> mail_;

  // --- of the thread alone
  std::deque<encoded_item> buffer_;
  uint64_t buffered_bytes_ = 0;
  uint64_t buffered_weight_ = 0;
  std::vector<encoded_item> flying_;
  bool in_flight_ = false;
  bool flushing_ = false;
  uint32_t flushes_seen_ = 0;
  bool gave_up_ = false;
  bool in_trouble_ = false;
  uint32_t failures_ = 0;
  trace_time due_{};
  trace_time not_before_{};
  trace_time metrics_due_;
  std::thread thread_;
};

}  // namespace mw::observe
