#include "tests/unit/flow/outage_model.hpp"

#include <algorithm>

namespace mw::flow::test {

using namespace std::chrono_literals;

namespace {

constexpr auto step = 100ms;
constexpr auto lock_duration = 60s;
constexpr auto call_takes = 1s;
constexpr auto rate_over = 5s;
constexpr uint32_t jobs = 10;

dispatch_options options_of(const outage_plan& p) {
  dispatch_options o;
  o.windows.quiet = p.quiet;
  o.windows.max_age = 30s;
  o.turns.max_jobs = jobs;
  o.hold_limit = p.hold_limit;
  return o;
}

}  // namespace

outage_model::outage_model(outage_plan plan) : plan_(std::move(plan)), to_(from_ + plan_.lasts) {
  next_kill_ = plan_.kill_every > 0s ? from_ + plan_.kill_every : time_point::max();
  start_worker();
}

// --- dispatch_port ---

void outage_model::submit(const job_spec& j) {
  running_[j.id] = {j, stage::load, now_ + step};
}

void outage_model::intake(bool open) {
  if (open) return;
  credit_ = 0;
  ++closings_;
}

void outage_model::free_bytes(uint64_t id) {
  room_ += static_cast<uint32_t>(running_.erase(id));
}

// --- the worker ---

void outage_model::start_worker() {
  d_ = std::make_unique<dispatch>(options_of(plan_), *this, 1);
  running_.clear();
  pending_settlements_.clear();
  probes_.clear();
  credit_ = closings_ = 0;
  room_ = 2 * jobs;
  redis_was_away_ = false;
  bus_was_away_ = away(dependency::bus);
}

void outage_model::kill_worker() {
  figures_.held_at_kills += held_.size();
  held_.clear();
  start_worker();
}

void outage_model::change_dependencies() {
  const bool redis = away(dependency::redis);
  if (redis && !redis_was_away_) {
    running_.clear();
    room_ = 0;
    d_->stage_lost(stage::load, 0, true, now_);
  }
  if (!redis && redis_was_away_) room_ = 2 * jobs;
  redis_was_away_ = redis;
  if (!redis && room_ > 0) d_->loader_demand(std::exchange(room_, 0), now_);
  const bool bus = away(dependency::bus);
  if (bus && !bus_was_away_) {
    d_->receiver_lost();
    pending_settlements_.clear();
    credit_ = closings_ = 0;
  }
  if (!bus && bus_was_away_) d_->repeat_settlements();
  bus_was_away_ = bus;
}

void outage_model::step_job(work& w) {
  if (now_ < w.until) return;
  if (w.at == stage::load) {
    if (away(dependency::memory)) return fail(w, stage::load, dependency::memory, errc::unreachable);
    w.at = stage::analyse;
    w.until = now_ + call_takes;
    d_->entered(w.spec.id, w.spec.attempt, stage::analyse, now_);
    if (away(dependency::llm)) fail(w, stage::analyse, dependency::llm, errc::overloaded);
    return;
  }
  if (away(dependency::llm)) return fail(w, stage::analyse, dependency::llm, errc::connection_lost);
  d_->entered(w.spec.id, w.spec.attempt, stage::commit, now_);
  if (away(dependency::memory)) return fail(w, stage::commit, dependency::memory, errc::unreachable);
  job_result r;
  r.id = w.spec.id;
  r.attempt = w.spec.attempt;
  r.end = job_end::committed;
  r.at = stage::commit;
  r.calls_used = w.spec.calls_used + 1;
  auto& through = analysed_[std::string{w.spec.ids.session()}];
  through = std::max(through, w.spec.sequence_number);
  ended_.push_back(now_);
  d_->finished(r, now_);
}

void outage_model::fail(const work& w, stage at, dependency from, errc code) {
  job_result r;
  r.id = w.spec.id;
  r.attempt = w.spec.attempt;
  r.at = at;
  r.calls_used = w.spec.calls_used;
  r.error = mw::fail(from, code, "away");
  d_->finished(r, now_);
}

void outage_model::work_on_jobs() {
  std::vector<uint64_t> ids;
  for (const auto& [id, w] : running_) ids.push_back(id);
  for (const uint64_t id : ids)
    if (const auto w = running_.find(id); w != running_.end()) {
      work copy = w->second;
      step_job(copy);
      if (const auto again = running_.find(id);
          again != running_.end() && again->second.spec.attempt == copy.spec.attempt)
        again->second = copy;
    }
}

// --- the broker and the publishers ---

void outage_model::publish() {
  if (now_ >= to_ + 1min) return;
  const auto due =
      static_cast<size_t>(std::chrono::duration<double>(now_ - start_).count() * plan_.published_per_s);
  for (; figures_.published < due; ++figures_.published) {
    const auto n = static_cast<int64_t>(figures_.published + 1);
    const auto of = std::to_string(n / 2);  // two events of each conversation
    messages_[n] = {std::string{"u"}.append(of), std::string{"s"}.append(of), 0, fate::queued, {}};
    queued_.insert(n);
  }
}

void outage_model::deliver() {
  if (away(dependency::bus)) return;
  credit_ += d_->take_grant();
  while (credit_ > 0 && !queued_.empty()) {
    const int64_t n = *queued_.begin();
    queued_.erase(queued_.begin());
    message& m = messages_.at(n);
    if (m.count >= 10) {
      m.is = fate::dead;
      ++figures_.dead_lettered;
      continue;
    }
    --credit_;
    m.is = fate::locked;
    m.lock_until = now_ + lock_duration;
    held_.insert(n);
    figures_.most_held = std::max(figures_.most_held, held_.size());
    d_->arrived({n, m.count, {m.user, m.session, std::string{"m"}.append(std::to_string(n)), ""}, n, 0s}, {},
                now_);
    credit_ += d_->take_grant();
  }
}

void outage_model::renew_and_lapse() {
  const bool bus = !away(dependency::bus);
  for (auto& [n, m] : messages_) {
    if (m.is != fate::locked) continue;
    if (held_.contains(n) && bus && m.lock_until - now_ < lock_duration / 2 && m.lock_until > now_)
      m.lock_until = now_ + lock_duration;
    if (m.lock_until > now_) continue;
    m.is = fate::queued;
    ++m.count;
    ++figures_.counts_burnt;
    queued_.insert(n);
    if (held_.erase(n) == 0) continue;  // of a worker that was killed
    if (!bus) ++figures_.lapsed_without_bus;
    d_->lock_lost(n);
  }
}

void outage_model::answer() {
  if (!away(dependency::bus)) {
    for (; closings_ > 0; --closings_) d_->intake_closed();
    for (const auto& s : std::exchange(pending_settlements_, {})) {
      message& m = messages_.at(s.sequence_number);
      if (m.is != fate::locked || !held_.contains(s.sequence_number)) {
        d_->lock_lost(s.sequence_number);
        continue;
      }
      held_.erase(s.sequence_number);
      m.is = s.what == action::complete      ? fate::done
             : s.what == action::dead_letter ? fate::dead
                                             : fate::queued;
      if (s.what == action::dead_letter) ++figures_.dead_lettered;
      if (s.what == action::abandon) ++m.count, ++figures_.counts_burnt;
      if (m.is == fate::queued) queued_.insert(s.sequence_number);
      d_->settled(s.sequence_number);
    }
  }
  for (const dependency about : std::exchange(probes_, {})) d_->probed(about, !away(about), now_);
}

bool outage_model::all_settled() const {
  return now_ >= to_ + 1min && std::all_of(messages_.begin(), messages_.end(), [](const auto& m) {
           return m.second.is == fate::done || m.second.is == fate::dead;
         });
}

outage_figures outage_model::run() {
  const auto give_up = to_ + 1h;
  for (; !all_settled() && now_ < give_up; now_ += step) {
    if (now_ >= next_kill_ && now_ < to_) {
      kill_worker();
      next_kill_ += plan_.kill_every;
    }
    publish();
    change_dependencies();
    renew_and_lapse();
    deliver();
    work_on_jobs();
    answer();
    d_->tick(now_);
    while (!ended_.empty() && now_ - ended_.front() > rate_over) ended_.pop_front();
    const auto conversations_per_s = plan_.published_per_s / 2;
    const auto rate = static_cast<double>(ended_.size()) / std::chrono::duration<double>(rate_over).count();
    if (now_ >= to_ && figures_.recovered_after == 0s && rate >= conversations_per_s)
      figures_.recovered_after = now_ - to_ + step;
  }
  for (const auto& [n, m] : messages_)
    if (m.is == fate::done ? analysed_[m.session] < n : m.is != fate::dead) ++figures_.lost;
  return figures_;
}

}  // namespace mw::flow::test
