// A dispatch with a port that records and a clock that only the test moves. Deliveries come from user and
// session names; jobs are found by session. What the actor does with ticks, `pass` does here: it ticks
// whenever next_due() says so, and fails where that would be a busy loop.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/flow/dispatch.hpp"

namespace mw::flow::test {

using namespace std::chrono_literals;

class scene final : public dispatch_port {
 public:
  static dispatch_options defaults() {
    dispatch_options o;
    o.windows.quiet = 60s;
    o.windows.max_age = 10min;
    o.turns = {100, 0.25, 4, 4};
    return o;
  }
  /// Without windows: every event's job starts at once.
  static dispatch_options at_once() {
    auto o = defaults();
    o.windows.quiet = 0s;
    return o;
  }
  explicit scene(dispatch_options o = defaults(), bool loader_is_there = true)
      : d(std::make_unique<dispatch>(o, *this, 7)) {
    if (loader_is_there) d->loader_demand(10'000, now);
  }

  // --- what happens ---
  void deliver(int64_t sequence, const std::string& session, const std::string& user = "u",
               uint32_t count = 0, duration since = 0s) {
    lock l;
    l.token[0] = static_cast<uint8_t>(count);
    l.token[1] = static_cast<uint8_t>(sequence);
    d->arrived({sequence,
                count,
                {user, session, std::string{"m"}.append(std::to_string(sequence)), ""},
                sequence,
                since},
               l, now);
  }
  void pass(duration time) {
    const auto end = now + time;
    while (true) {
      d->tick(now);
      const auto due = d->next_due(now);
      REQUIRE(due > now);
      if (due > end) break;
      now = due;
    }
    now = end;
    d->tick(now);
  }
  void finish(const job_spec& j, job_end end, uint32_t calls = 1) {
    job_result r;
    r.id = j.id;
    r.attempt = j.attempt;
    r.end = end;
    r.calls_used = j.calls_used + calls;
    d->finished(r, now);
  }
  void commit(const job_spec& j) { finish(j, job_end::committed); }
  void commit(const std::string& session) { commit(running(session)); }
  void fail(const job_spec& j, stage at, errc code, duration retry_after = 0s) {
    job_result r;
    r.id = j.id;
    r.attempt = j.attempt;
    r.at = at;
    r.calls_used = j.calls_used;
    r.error = mw::fail(dependency_of(at), code, "detail");
    r.error.retry_after = std::chrono::duration_cast<std::chrono::milliseconds>(retry_after);
    d->finished(r, now);
  }
  void fail(const std::string& session, stage at, errc code, duration retry_after = 0s) {
    fail(running(session), at, code, retry_after);
  }
  void enter(const std::string& session, stage at) {
    const auto& j = running(session);
    d->entered(j.id, j.attempt, at, now);
  }
  /// The broker confirms everything it was told, and that its credit is drained.
  void confirm() {
    for (const auto& s : std::exchange(told, {})) d->settled(s.sequence_number);
    for (; closings > 0; --closings) d->intake_closed();
  }
  /// As after a while in which events came and jobs ended: the process trusts itself with all its room.
  void trust() {
    for (int i = 0; i < 1'000; ++i) {
      d->arrived_unreadable(-1 - i, {}, mw::fail(errc::invalid_event, "not JSON"));
      d->settled(-1 - i);
    }
    settlements.clear();
    told.clear();
  }

  // --- what was asked ---
  bool is_running(const std::string& session) const { return running_.contains(session); }
  const job_spec& running(const std::string& session) const {
    REQUIRE_MESSAGE(running_.contains(session), "no job runs for " << session);
    return running_.at(session);
  }
  std::vector<std::string> running_sessions() const {
    std::vector<std::string> names;
    for (const auto& [session, j] : running_) names.push_back(session);
    return names;
  }
  /// "complete covered", "release shutdown", ...; empty where this delivery is not settled.
  std::string outcome(int64_t sequence) const {
    std::string text;
    for (const auto& s : settlements)
      if (s.sequence_number == sequence) text = std::string{to_string(s.what)}.append(" ").append(s.reason);
    return text;
  }
  size_t noted(flow::note n) const { return static_cast<size_t>(std::count(notes.begin(), notes.end(), n)); }

  // --- dispatch_port ---
  void settle(const settlement& s) override {
    settlements.push_back(s);
    told.push_back(s);
  }
  void submit(const job_spec& j) override {
    submitted.push_back(j);
    sessions_[j.id] = j.ids.session();
    running_[sessions_[j.id]] = j;
  }
  void intake(bool open) override {
    intakes.push_back(open);
    if (!open) ++closings;
  }
  void probe(dependency about) override { probes.push_back(about); }
  void free_bytes(uint64_t id) override { running_.erase(sessions_[id]); }
  void forget_job(uint64_t id) override { forgotten.push_back(id); }
  void note(mw::flow::note n, const detail&) override { notes.push_back(n); }

  time_point now = time_point{} + 1000h;
  std::vector<settlement> settlements;  // all there ever were
  std::vector<settlement> told;         // not confirmed yet
  std::vector<job_spec> submitted;
  std::vector<bool> intakes;
  int closings = 0;  // of the intake, not answered by the broker yet
  std::vector<dependency> probes;
  std::vector<uint64_t> forgotten;
  std::vector<mw::flow::note> notes;
  std::unique_ptr<dispatch> d;

 private:
  std::map<uint64_t, std::string> sessions_;
  std::map<std::string, job_spec> running_;  // by session
};

// --- many conversations at once, each of a user of its own ---

inline std::string name(int i) {
  return std::string{"s"}.append(std::to_string(i));
}
inline std::string user(int i) {
  return std::string{"u"}.append(std::to_string(i));
}
inline void deliver_many(scene& t, int n) {
  for (int i = 1; i <= n; ++i) t.deliver(i, name(i), user(i));
}
inline void fail_all(scene& t, stage at, errc code) {
  for (const auto& session : t.running_sessions()) t.fail(session, at, code);
}
inline void commit_all(scene& t) {
  for (const auto& session : t.running_sessions()) t.commit(session);
}
inline bool any_dead_letter(const scene& t) {
  return std::any_of(t.settlements.begin(), t.settlements.end(),
                     [](const settlement& s) { return s.what == action::dead_letter; });
}

}  // namespace mw::flow::test
