#include "protocol/observe/trace/batch_sender.hpp"

#include <algorithm>
#include <atomic>
#include <optional>

#include "protocol/observe/log.hpp"

namespace mw::observe {

/// Shared with the callbacks of requests, which may come after the sender is gone.
struct batch_sender::mailbox {
  std::mutex life;  ///< held while a callback uses the sender
  bool gone = false;
  std::mutex mutex;  ///< guards what follows
  std::condition_variable for_thread;
  std::condition_variable for_flush;
  std::vector<incoming_item> incoming;
  uint64_t incoming_weight = 0;
  trace_time first_at{};     ///< when the first of `incoming` came
  uint64_t held_weight = 0;  ///< in the thread's hands
  std::optional<result<http::response>> answer;
  bool flush = false;
  uint32_t flushes = 0;
  bool idle = true;
  bool gave_up = false;
  bool stopping = false;

  void put_answer(result<http::response> r) {
    const std::lock_guard lock{mutex};
    answer = std::move(r);
    for_thread.notify_one();
  }
};

batch_sender::batch_sender(http::client& http, std::unique_ptr<wire> w, sender_options options,
                           sender_counters count)
    : http_(http),
      wire_(std::move(w)),
      options_(options),
      count_(std::move(count)),
      mail_(std::make_shared<mailbox>()),
      metrics_due_(trace_clock::now() + options.metric_interval),
      thread_([this] { run(); }) {}

batch_sender::~batch_sender() {
  {
    const std::lock_guard lock{mail_->life};
    mail_->gone = true;
  }
  {
    const std::lock_guard lock{mail_->mutex};
    mail_->stopping = true;
    mail_->for_thread.notify_one();
  }
  thread_.join();
  uint64_t left = buffered_weight_;
  for (const auto& i : flying_) left += i.weight;
  for (const auto& i : mail_->incoming) left += i.weight;
  if (left > 0) count_.dropped("shutdown", static_cast<uint32_t>(left));
}

void batch_sender::offer(incoming_item item) {
  const uint32_t weight = item.weight;
  bool wake = false;
  {
    const std::lock_guard lock{mail_->mutex};
    auto& m = *mail_;
    if (m.incoming_weight + m.held_weight + weight <= options_.most_items) {
      // The thread looks by itself when the delay has passed; a full batch wakes it once.
      wake = m.incoming_weight < options_.batch_items && m.incoming_weight + weight >= options_.batch_items;
      if (m.incoming.empty()) m.first_at = trace_clock::now();
      m.incoming_weight += weight;
      m.incoming.push_back(std::move(item));
      m.idle = false;
      if (wake) m.for_thread.notify_one();
      return;
    }
  }
  count_.dropped("queue-full", weight);
}

bool batch_sender::flush(std::chrono::milliseconds limit) {
  std::unique_lock lock{mail_->mutex};
  mail_->flush = true;
  ++mail_->flushes;
  mail_->idle = mail_->gave_up = false;
  mail_->for_thread.notify_one();
  mail_->for_flush.wait_for(lock, limit, [this] { return mail_->idle || mail_->gave_up; });
  mail_->flush = false;
  return mail_->idle;
}

trace_time batch_sender::wake_at() const {
  auto at = metrics_due_;
  if (in_flight_) return at;
  if (!buffer_.empty()) at = std::min(at, has_full_batch() ? not_before_ : std::max(due_, not_before_));
  return std::min(at, trace_clock::now() + options_.delay);
}

void batch_sender::run() {
  std::unique_lock lock{mail_->mutex};
  for (;;) {
    mail_->for_thread.wait_until(lock, wake_at(), [this] {
      return mail_->stopping || mail_->answer || mail_->flushes != flushes_seen_ ||
             mail_->incoming_weight >= options_.batch_items;
    });
    if (mail_->stopping) return;
    const bool flush_begins = std::exchange(flushes_seen_, mail_->flushes) != mail_->flushes;
    flushing_ = mail_->flush;
    const auto first_at = mail_->first_at;
    auto got = std::exchange(mail_->incoming, {});
    mail_->held_weight += std::exchange(mail_->incoming_weight, 0);
    auto answer = std::exchange(mail_->answer, std::nullopt);
    lock.unlock();
    if (answer) answered(*answer);
    take(std::move(got), first_at);
    if (flush_begins) {
      gave_up_ = false;
      not_before_ = {};
    }
    if (flush_begins || trace_clock::now() >= metrics_due_) {
      metrics_due_ = trace_clock::now() + options_.metric_interval;
      std::vector<encoded_item> made;
      wire_->periodic(made);
      keep(std::move(made), trace_clock::now());
    }
    if (may_send()) send();
    lock.lock();
    mail_->held_weight = buffered_weight_;
    for (const auto& i : flying_) mail_->held_weight += i.weight;
    mail_->idle = mail_->incoming.empty() && buffer_.empty() && !in_flight_;
    mail_->gave_up = gave_up_;
    if (flushing_ && (mail_->idle || gave_up_)) mail_->for_flush.notify_all();
  }
}

void batch_sender::take(std::vector<incoming_item> got, trace_time first_at) {
  std::vector<encoded_item> made;
  for (const auto& in : got) wire_->encode(in, made);
  keep(std::move(made), first_at);
}

void batch_sender::keep(std::vector<encoded_item> made, trace_time since) {
  if (buffer_.empty() && !made.empty()) due_ = since + options_.delay;
  uint32_t lost = 0;
  for (auto& i : made) {
    const bool fits = buffered_bytes_ + i.bytes.size() <= options_.most_bytes &&
                      buffered_weight_ + i.weight <= uint64_t{options_.most_items} * 2;
    if (!fits) {
      lost += i.weight;
      continue;
    }
    buffered_bytes_ += i.bytes.size();
    buffered_weight_ += i.weight;
    buffer_.push_back(std::move(i));
  }
  if (lost > 0) count_.dropped("queue-full", lost);
}

bool batch_sender::has_full_batch() const {
  return buffered_weight_ >= options_.batch_items || buffered_bytes_ >= options_.batch_bytes;
}

bool batch_sender::may_send() const {
  if (in_flight_ || buffer_.empty()) return false;
  const auto now = trace_clock::now();
  if (now < not_before_) return false;
  return flushing_ || has_full_batch() || now >= due_;
}

void batch_sender::send() {
  uint64_t bytes = 0;
  uint64_t weight = 0;
  flying_.clear();
  while (!buffer_.empty()) {
    auto& next = buffer_.front();
    const bool full =
        weight + next.weight > options_.batch_items || bytes + next.bytes.size() > options_.batch_bytes;
    if (!flying_.empty() && full) break;
    bytes += next.bytes.size();
    weight += next.weight;
    ++next.tries;
    flying_.push_back(std::move(next));
    buffer_.pop_front();
  }
  buffered_bytes_ -= bytes;
  buffered_weight_ -= weight;
  due_ = trace_clock::now() + options_.delay;
  in_flight_ = true;
  // The token first: it is cached but for the first time.
  wire_->authorize([mail = mail_, this](result<std::string> t) {
    if (!t) return mail->put_answer(t.error());
    // compose() reads what only the thread changes, and the thread waits for the answer.
    const std::lock_guard lock{mail->life};
    if (mail->gone) return;
    http_.send(wire_->compose(flying_, *t),
               [mail](result<http::response> r) { mail->put_answer(std::move(r)); });
  });
}

void batch_sender::answered(const result<http::response>& answer) {
  in_flight_ = false;
  const auto v = wire_->judge(answer, flying_);
  uint32_t weight = 0;
  for (const auto& i : flying_) weight += i.weight;
  const bool failed = v.all_again && !v.at_once;
  failures_ = failed || !v.again.empty() ? failures_ + 1 : 0;
  put_back(v);
  if (v.refused > 0) count_.dropped(v.cause, v.refused);
  if (failed) {
    if (flushing_) gave_up_ = true;
  } else if (!v.all_again) {
    uint32_t back = 0;
    for (const size_t i : v.again) back += flying_[i].weight;
    const uint32_t lost = std::min(weight, v.refused + back);
    if (weight > lost) count_.sent(wire_->name(), weight - lost);
  }
  flying_.clear();
  if (v.at_once) {
    not_before_ = {};
    due_ = trace_clock::now();
  } else if (failures_ > 0 || v.wait.count() > 0) {
    const auto own = std::min(options_.retry_max, options_.retry_min * (1 << std::min(failures_, 6U)) / 2);
    not_before_ = trace_clock::now() + (v.wait.count() > 0 ? v.wait : own);
    due_ = not_before_;  // what was put back has waited for its delay already
  }
  if (!v.detail.empty()) {
    note_trouble(v.detail);
  } else if (!v.at_once && in_trouble_) {
    in_trouble_ = false;
    log(log_level::info, "telemetry-delivered-again").field("exporter", wire_->name());
  }
}

void batch_sender::put_back(const answer_verdict& v) {
  std::vector<size_t> again = v.again;
  if (v.all_again) {
    again.resize(flying_.size());
    for (size_t i = 0; i < again.size(); ++i) again[i] = i;
  }
  uint32_t lost = 0;
  for (auto it = again.rbegin(); it != again.rend(); ++it) {
    if (*it >= flying_.size()) continue;
    auto item = flying_[*it];
    if (item.tries >= options_.most_tries) {
      lost += item.weight;
      continue;
    }
    if (v.at_once) --item.tries;
    buffered_bytes_ += item.bytes.size();
    buffered_weight_ += item.weight;
    buffer_.push_front(std::move(item));
  }
  if (lost > 0) count_.dropped("gave-up", lost);
}

void batch_sender::note_trouble(const std::string& detail) {
  if (std::exchange(in_trouble_, true)) return;
  log(log_level::warning, "telemetry-not-delivered")
      .field("exporter", wire_->name())
      .field("detail", detail)
      .field("effect", "the work goes on; what cannot be kept is dropped and counted");
}

}  // namespace mw::observe
