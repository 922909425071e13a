#include "tests/unit/flow/dispatch_model.hpp"

#include <algorithm>

namespace mw::flow::test {

using namespace std::chrono_literals;

namespace {

std::string key_of(const auto& m) {
  return std::string{m.user}.append("/").append(m.session);
}
std::string key_of(const job_spec& j) {
  return std::string{j.ids.user()}.append("/").append(j.ids.session());
}

}  // namespace

model::model(uint64_t seed) : random_(seed) {
  options_.windows.quiet = percent(25) ? 0s : 60s;
  options_.windows.max_events = 6;
  options_.turns = {static_cast<uint32_t>(4 + roll(20)), 0.25, 4, 4};
  options_.window_room = 20 + roll(200);
  options_.breaker.failures = 3;
  d_ = std::make_unique<dispatch>(options_, *this, seed);
  d_->loader_demand(30, now_);
}

void model::expect(bool holds, const std::string& what) {
  if (!holds) broken.push_back(what);
}

size_t model::count(fate f) const {
  return static_cast<size_t>(
      std::count_if(messages_.begin(), messages_.end(), [&](const auto& m) { return m.second.is == f; }));
}

// --- dispatch_port ---

void model::settle(const settlement& s) {
  const auto n = std::to_string(s.sequence_number);
  const auto verdict = verdicts_.find(s.sequence_number);
  if (verdict != verdicts_.end()) {
    expect(verdict->second.what == s.what, "another verdict for " + n);
  } else {
    expect(ours_.erase(s.sequence_number) == 1, "settled what is not ours: " + n);
    if (s.what == action::complete) check_completion(s);
    if (s.what == action::dead_letter)
      expect(s.reason == "dependency-rejects-this" ? !is_down_for(s.sequence_number)
                                                   : may_die_.contains(s.sequence_number),
             "dead letter without a reason: " + n + " " + s.reason);
    if (s.what == action::abandon) expect(s.reason == "crashed", "abandoned " + n + " " + s.reason);
    verdicts_[s.sequence_number] = s;
  }
  pending_settlements_.push_back({s, messages_.at(s.sequence_number).incarnation});
}

bool model::is_down_for(int64_t sequence) const {
  return std::any_of(running_.begin(), running_.end(), [&](const auto& job) {
    const auto& [spec, at] = job.second;
    return spec.sequence_number == sequence && (at == stage::analyse ? llm_down_ : memory_down_);
  });
}

void model::check_completion(const settlement& s) {
  if (s.sequence_number == ending_) return;
  const message& m = messages_.at(s.sequence_number);
  const bool covered = std::any_of(ours_.upper_bound(s.sequence_number), ours_.end(), [&](int64_t other) {
    return messages_.at(other).user == m.user && messages_.at(other).session == m.session;
  });
  expect(covered, "completed, but neither analysed nor covered: " + std::to_string(s.sequence_number));
}

void model::submit(const job_spec& j) {
  uint32_t of_user = 0;
  for (const auto& [id, other] : running_) {
    expect(key_of(other.spec) != key_of(j), "two jobs run for " + key_of(j));
    if (other.spec.ids.user() == j.ids.user()) ++of_user;
  }
  expect(of_user < options_.turns.jobs_per_user, "more jobs at once than a user may have");
  expect(ours_.contains(j.sequence_number), "a job for a delivery that is settled");
  expect(loader_there_, "submitted to a loader that is away");
  running_[j.id] = {j, stage::load};
  expect(running_.size() <= options_.turns.max_jobs, "more jobs than job room");
}

void model::intake(bool open) {
  if (open) return;
  credit_ = 0;
  ++closings_;
}

void model::free_bytes(uint64_t id) {
  room_again_ += static_cast<uint32_t>(running_.erase(id));
}

// --- the world ---

void model::publish() {
  for (size_t n = 1 + roll(3); n > 0; --n) {
    const auto user = std::string{"u"}.append(std::to_string(roll(6)));
    messages_[++last_] = {user, user + std::string{"s"}.append(std::to_string(roll(8))), 0, 0, fate::queued};
  }
}

void model::deliver() {
  credit_ += d_->take_grant();
  check_room();
  if (credit_ == 0) return;
  for (auto& [sequence, m] : messages_) {
    if (m.is != fate::queued || percent(30)) continue;
    if (m.count >= options_.max_delivery_count) {
      m.is = fate::dead;
      continue;
    }
    --credit_;
    m.is = fate::locked;
    ++m.incarnation;
    remembered_.erase(sequence);
    const auto verdict = verdicts_.find(sequence);
    if (verdict != verdicts_.end() && verdict->second.what != action::complete &&
        verdict->second.what != action::dead_letter)
      verdicts_.erase(sequence);
    if (!verdicts_.contains(sequence)) ours_.insert(sequence);
    const event_ids ids{m.user, m.session, std::string{"m"}.append(std::to_string(sequence)), ""};
    d_->arrived({sequence, m.count, ids, sequence, std::chrono::seconds{roll(120)}}, {}, now_);
    return;
  }
}

void model::hear_settlement(bool faults) {
  if (pending_settlements_.empty()) return;
  const size_t which = roll(pending_settlements_.size());
  const told_settlement t = pending_settlements_[which];
  pending_settlements_.erase(pending_settlements_.begin() + static_cast<ptrdiff_t>(which));
  const int64_t n = t.what.sequence_number;
  message& m = messages_.at(n);
  if (m.is != fate::locked || m.incarnation != t.incarnation) {
    lose_lock(n);
    return;
  }
  const bool gives_back = t.what.what == action::release || t.what.what == action::abandon;
  if (faults && percent(5)) {
    m.is = fate::queued;
    ++m.count;
    if (gives_back) {
      verdicts_.erase(n);
    } else {
      remembered_.insert(n);
    }
    d_->settlement_failed(n);
    return;
  }
  m.is = gives_back ? fate::queued : t.what.what == action::complete ? fate::completed : fate::dead;
  if (t.what.what == action::abandon) ++m.count;
  if (faults && percent(5)) return;  // the confirmation is lost; a new receiver asks again
  verdicts_.erase(n);
  d_->settled(n);
}

model::running_job* model::any_running() {
  if (running_.empty()) return nullptr;
  auto it = running_.begin();
  std::advance(it, static_cast<ptrdiff_t>(roll(running_.size())));
  return &it->second;
}

void model::work(bool faults) {
  running_job* j = any_running();
  if (j == nullptr) return;
  if (j->at != stage::commit && percent(60)) {
    const bool stuck =
        (j->at == stage::load && (!loader_there_ || memory_down_)) || (j->at == stage::analyse && llm_down_);
    if (!stuck) {
      j->at = static_cast<stage>(static_cast<int>(j->at) + 1);
      d_->entered(j->spec.id, j->spec.attempt, j->at, now_);
      return;
    }
  }
  end_job(*j, faults);
}

void model::end_job(running_job j, bool faults) {
  job_result r;
  r.id = j.spec.id;
  r.attempt = j.spec.attempt;
  r.at = j.at;
  r.calls_used = j.spec.calls_used;
  const auto fail_with = [&](errc code) {
    r.error = mw::fail(dependency_of(j.at), code, "model");
    d_->finished(r, now_);
  };
  constexpr errc outage[] = {errc::unreachable, errc::timed_out, errc::overloaded, errc::throttled};
  if ((j.at == stage::analyse && llm_down_) || (j.at != stage::analyse && memory_down_)) {
    fail_with(outage[roll(std::size(outage))]);
  } else if (faults && percent(15)) {
    constexpr errc odd[] = {errc::timed_out, errc::conflict,  errc::rejected,      errc::conversation_missing,
                            errc::stale,     errc::throttled, errc::owner_mismatch};
    const errc code = odd[roll(std::size(odd))];
    if (code == errc::conversation_missing || code == errc::owner_mismatch ||
        (code == errc::rejected && j.at == stage::commit))
      may_die_.insert(j.spec.sequence_number);
    fail_with(code);
  } else {
    end_well(j, r, faults);
  }
}

void model::end_well(const running_job& j, job_result r, bool faults) {
  if (faults && percent(10) && (j.at == stage::commit || (j.at == stage::load && j.spec.may_postpone))) {
    r.end = j.at == stage::load ? job_end::postponed : job_end::partial;
    r.postpone_ms = static_cast<int64_t>(roll(60'000));
    r.max_fresh_messages = 5;
    if (r.end == job_end::partial) ++r.calls_used;
    d_->finished(r, now_);
    return;
  }
  int64_t& analysed = analysed_[key_of(j.spec)];
  const bool covered = analysed >= j.spec.sequence_number;
  if (j.at != stage::commit && !(j.at == stage::load && covered)) return;
  r.end = covered ? job_end::covered : job_end::committed;
  if (!covered) ++r.calls_used;
  analysed = std::max(analysed, j.spec.sequence_number);
  ending_ = j.spec.sequence_number;
  d_->finished(r, now_);
  ending_ = -1;
}

void model::lapse_lock() {
  std::vector<int64_t> locked;
  for (const auto& [sequence, m] : messages_)
    if (m.is == fate::locked) locked.push_back(sequence);
  if (locked.empty()) return;
  const int64_t n = locked[roll(locked.size())];
  messages_.at(n).is = fate::queued;
  ++messages_.at(n).count;
  if (percent(50)) lose_lock(n);
}

void model::lose_lock(int64_t n) {
  if (!remembered_.contains(n)) verdicts_.erase(n);
  d_->lock_lost(n);
}

void model::lose_receiver() {
  pending_settlements_.clear();
  closings_ = 0;
  credit_ = 0;
  d_->receiver_lost();
  d_->repeat_settlements();
}

void model::lose_stage() {
  const running_job* j = any_running();
  const bool away = loader_there_ && percent(30);
  if (!away && j == nullptr) return;
  const stage at = away ? stage::load : j->at;
  const uint64_t culprit = !away && percent(60) ? j->spec.id : 0;
  // An unknown crash is charged to the one former suspect; the model cannot tell which, so any may die of it.
  for (const auto& [id, other] : running_) {
    if (away || (culprit != 0 && id != culprit)) continue;
    const int64_t n = other.spec.sequence_number;
    if (++crashes_[n] >= 3 || messages_.at(n).count + 1 >= options_.max_delivery_count) may_die_.insert(n);
  }
  if (at == stage::load) loader_there_ = false;
  d_->stage_lost(at, culprit, away, now_);
}

void model::grant_again() {
  if (const uint32_t n = std::exchange(room_again_, 0); n > 0 && loader_there_) d_->loader_demand(n, now_);
}

void model::answer_probes() {
  for (; closings_ > 0; --closings_) d_->intake_closed();
  for (const dependency about : std::exchange(probes_, {}))
    d_->probed(about, about == dependency::llm ? !llm_down_ : !memory_down_, now_);
}

void model::pass(duration most) {
  const auto end = now_ + most;
  while (now_ < end) {
    d_->tick(now_);
    const auto due = d_->next_due(now_);
    expect(due > now_, "a busy loop");
    now_ = std::max(std::min(due, end), now_ + 1ms);
    answer_probes();
    grant_again();
  }
  d_->tick(now_);
}

void model::check_room() {
  expect(d_->deliveries() + credit_ <= options_.window_room, "more deliveries and credit than window room");
  expect(d_->running() == running_.size(), "running jobs miscounted");
}

// --- what the test drives ---

void model::chaos() {
  const size_t what = roll(100);
  if (what < 12)
    publish();
  else if (what < 40)
    deliver();
  else if (what < 65)
    work(true);
  else if (what < 80)
    hear_settlement(true);
  else if (what < 88)
    pass(std::chrono::milliseconds{roll(60'000)});
  else if (what < 90)
    lapse_lock();
  else if (what < 91)
    lose_receiver();
  else if (what < 93)
    lose_stage();
  else if (what < 95)
    llm_down_ = percent(40);
  else if (what < 96)
    memory_down_ = percent(30);
  else if (what < 97)
    d_->flush(std::string{"u"}.append(std::to_string(roll(6))), "", now_);
  else if (!loader_there_) {
    loader_there_ = true;
    d_->loader_demand(30, now_);
  }
  answer_probes();
  grant_again();
  check_room();
}

bool model::calm() {
  llm_down_ = memory_down_ = false;
  lose_receiver();
  if (!std::exchange(loader_there_, true)) d_->loader_demand(30, now_);
  for (int round = 0; round < 3'000; ++round) {
    if (d_->idle() && d_->deliveries() == 0 && count(fate::queued) + count(fate::locked) == 0) return true;
    for (int i = 0; i < 20; ++i) {
      deliver();
      work(false);
      hear_settlement(false);
      grant_again();
    }
    pass(10s);
    std::set<int64_t> known;
    for (const auto& [sequence, l] : d_->unsettled()) known.insert(sequence);
    for (auto& [sequence, m] : messages_) {
      if (m.is != fate::locked || known.contains(sequence)) continue;
      m.is = fate::queued;  // nobody renews this lock
      ++m.count;
    }
  }
  return false;
}

void model::judge() {
  std::map<std::string, int64_t> latest_dead;
  for (const auto& [sequence, m] : messages_)
    if (m.is == fate::dead) latest_dead[key_of(m)] = sequence;
  for (const auto& [sequence, m] : messages_) {
    if (m.is != fate::completed) continue;
    const auto dead = latest_dead.find(key_of(m));
    const bool later_one_died = dead != latest_dead.end() && dead->second > sequence;
    expect(analysed_[key_of(m)] >= sequence || later_one_died,
           "lost: " + std::to_string(sequence) + " was completed and never analysed");
  }
}

}  // namespace mw::flow::test
