#include "protocol/observe/trace/trace_book.hpp"

#include <algorithm>
#include <cstring>

namespace mw::observe {

namespace {

uint64_t key_of(const event_ids& ids) {
  const std::hash<std::string_view> hash;
  return hash(ids.session()) * 0x9e3779b97f4a7c15ULL ^ hash(ids.user());
}

template <size_t N>
void draw(std::mt19937_64& random, std::array<uint8_t, N>& id) {
  for (size_t i = 0; i < N; i += 8) {
    const uint64_t word = random() | (i == 0 ? 1 : 0);  // never all zero
    std::memcpy(id.data() + i, &word, 8);
  }
}

/// Room for one more.
template <class Map>
void keep_below(Map& m, size_t most) {
  if (m.size() >= most) m.erase(m.begin());
}

}  // namespace

trace_book::trace_book(trace_book_options options, sampling sampler, uint64_t seed, sink finished)
    : options_(options), sampler_(std::move(sampler)), finished_(std::move(finished)), random_(seed) {}

void trace_book::received(const event_ids& ids, const received_message& m) {
  const auto context = parse_traceparent(ids.traceparent());
  const uint64_t key = key_of(ids);
  const std::lock_guard lock{mutex_};
  auto& w = waiting_of(key);
  if (w.messages.empty() || m.sequence >= w.newest.sequence) {
    w.newest = m;
    w.newest.message_id = {};
    w.message_id = m.message_id;
  }
  for (const auto& known : w.messages)
    if (known.sequence == m.sequence) return;
  note_message(w, m.sequence, context);
}

trace_book::waiting& trace_book::waiting_of(uint64_t key) {
  const auto known = waiting_.find(key);
  if (known != waiting_.end()) return known->second;
  if (waiting_.size() >= options_.most_waiting) {
    messages_ -= waiting_.begin()->second.messages.size();
    waiting_.erase(waiting_.begin());
  }
  return waiting_[key];
}

void trace_book::note_message(waiting& w, int64_t sequence, const std::optional<trace_context>& context) {
  if (w.messages.size() < options_.most_links && messages_ < options_.most_messages) {
    w.messages.push_back({sequence, context});
    ++messages_;
    return;
  }
  ++w.more;
  if (context) ++w.more_links;
}

void trace_book::take_messages(job_trace& j, uint64_t key, int64_t sequence) {
  const auto it = waiting_.find(key);
  if (it == waiting_.end()) return;
  auto& w = it->second;
  if (w.newest.sequence <= sequence || j.events == 0) {
    j.message_id = w.message_id;
    j.delivery_count = w.newest.delivery_count;
    j.enqueued_ms = w.newest.enqueued_ms;
    j.received = w.newest.at;
  }
  const size_t before = w.messages.size();
  std::erase_if(w.messages, [&](const waiting::one& m) {
    if (m.sequence > sequence) return false;
    ++j.events;
    if (!m.context || std::find(j.links.begin(), j.links.end(), *m.context) != j.links.end()) return true;
    if (j.links.size() < options_.most_links)
      j.links.push_back(*m.context);
    else
      ++j.links_left;
    return true;
  });
  j.events += w.more;
  j.links_left += w.more_links;
  w.more = w.more_links = 0;
  messages_ -= before - w.messages.size();
  if (w.messages.empty()) waiting_.erase(it);
}

void trace_book::started(uint64_t job, uint32_t attempt, const event_ids& ids, int64_t sequence,
                         trace_time now) {
  const uint64_t key = key_of(ids);
  const std::lock_guard lock{mutex_};
  auto known = jobs_.find(job);
  if (known == jobs_.end()) {
    auto j = std::make_shared<job_trace>();
    draw(random_, j->trace);
    draw(random_, j->root);
    if (attempt > 1 || !sampler_.takes(j->trace)) return take_messages(*j, key, sequence);
    j->started = j->received = now;
    j->sequence = sequence;
    j->stages.reserve(2);
    j->calls.reserve(1);
    keep_below(jobs_, options_.most_jobs);
    known = jobs_.emplace(job, std::move(j)).first;
  }
  auto& j = *known->second;
  j.ids = ids;
  j.sequence = sequence;
  j.attempts = attempt;
  take_messages(j, key, sequence);
}

void trace_book::stage(uint64_t job, stage_trace s) {
  const std::lock_guard lock{mutex_};
  const auto it = jobs_.find(job);
  if (it != jobs_.end() && it->second->stages.size() < options_.most_parts) it->second->stages.push_back(s);
}

void trace_book::called(uint64_t job, chat_call c) {
  const std::lock_guard lock{mutex_};
  const auto it = jobs_.find(job);
  if (it != jobs_.end() && it->second->calls.size() < options_.most_parts)
    it->second->calls.push_back(std::move(c));
}

void trace_book::postponed(uint64_t job) {
  const std::lock_guard lock{mutex_};
  const auto it = jobs_.find(job);
  if (it == jobs_.end()) return;
  const job_ptr j = it->second;
  jobs_.erase(it);
  const uint64_t key = key_of(j->ids);
  auto& w = waiting_of(key);
  if (w.messages.empty()) {
    w.newest = {j->sequence, j->delivery_count, j->enqueued_ms, {}, j->received};
    w.message_id = j->message_id;
  }
  for (const auto& link : j->links) note_message(w, j->sequence, link);
  // Without a context they still count; one entry keeps the newest one's facts.
  const auto plain = j->events - static_cast<uint32_t>(std::min<size_t>(j->events, j->links.size()));
  for (uint32_t n = 0; n < plain; ++n) note_message(w, j->sequence, std::nullopt);
}

void trace_book::ended(uint64_t job, int64_t sequence, std::string_view end, std::string_view error,
                       std::string_view detail, trace_time now) {
  const std::lock_guard lock{mutex_};
  const auto it = jobs_.find(job);
  if (it == jobs_.end()) return;
  job_ptr j = std::move(it->second);
  jobs_.erase(it);
  j->sequence = sequence;
  j->end = end;
  j->error = error;
  j->detail = detail;
  j->ended = now;
  keep_below(settling_, options_.most_jobs);
  settling_.insert_or_assign(sequence, std::move(j));
}

void trace_book::closed(uint64_t job, trace_time now) {
  int64_t sequence = 0;
  {
    const std::lock_guard lock{mutex_};
    const auto it = jobs_.find(job);
    if (it == jobs_.end()) return;
    sequence = it->second->sequence;
  }
  ended(job, sequence, "given-back", {}, {}, now);
}

void trace_book::settled(int64_t sequence, std::string_view disposition, std::string_view error,
                         trace_time now) {
  job_ptr j;
  {
    const std::lock_guard lock{mutex_};
    auto entry = settling_.extract(sequence);
    if (!entry) return;
    j = std::move(entry.mapped());
  }
  j->disposition = disposition;
  j->settle_error = error;
  hand_on(std::move(j), now);
}

void trace_book::ledger_restarted() {
  const std::lock_guard lock{mutex_};
  jobs_.clear();
}

void trace_book::flush(trace_time now) {
  std::unordered_map<int64_t, job_ptr> left;
  {
    const std::lock_guard lock{mutex_};
    left.swap(settling_);
  }
  for (auto& [sequence, j] : left) {
    j->settle_error = "not-confirmed";
    hand_on(std::move(j), now);
  }
}

void trace_book::hand_on(job_ptr j, trace_time now) {
  j->settled = now;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  j->wall_offset = std::chrono::nanoseconds{wall - trace_clock::now().time_since_epoch()};
  finished_(std::move(j));
}

}  // namespace mw::observe
