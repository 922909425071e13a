// Ready windows filled the whole room: each of ten kills in a row cost a delivery count of everything that
// waited, and the broker dead-lettered half of two hundred healthy conversations.
#include <deque>

#include "tests/unit/flow/scene.hpp"

using namespace mw;
using namespace mw::flow;
using namespace mw::flow::test;

namespace {

/// A broker that counts, in front of workers that are killed.
struct broker {
  explicit broker(int n) : counts(static_cast<size_t>(n) + 1, 0), done(counts.size(), false) {}

  void start(dispatch_options o) {
    held.clear();
    credit = 0;
    t = std::make_unique<scene>(o);
  }
  void deliver() {
    credit += t->d->take_grant();
    for (size_t n = 1; n < counts.size() && credit > 0; ++n) {
      if (done[n] || held.contains(n)) continue;
      --credit;
      held.insert(n);
      t->deliver(static_cast<int64_t>(n), name(static_cast<int>(n)), user(static_cast<int>(n)), counts[n]);
      credit += t->d->take_grant();
    }
  }
  /// So many jobs end, those that began first, and their deliveries are settled.
  void work(size_t jobs) {
    for (; jobs > 0; --jobs) {
      const auto oldest = std::find_if(t->submitted.begin(), t->submitted.end(), [&](const auto& j) {
        return t->is_running(std::string{j.ids.session()});
      });
      if (oldest == t->submitted.end()) return;
      t->commit(std::string{oldest->ids.session()});
      settle();
    }
  }
  /// What the worker has told is done, and its credit is used again.
  void settle() {
    for (const auto& s : t->told) {
      const auto n = static_cast<size_t>(s.sequence_number);
      held.erase(n);
      done[n] = done[n] || s.what == action::complete;
    }
    t->confirm();
    deliver();
  }
  void kill() {
    for (const size_t n : held) ++counts[n];
  }
  uint32_t highest() const { return *std::max_element(counts.begin(), counts.end()); }

  std::vector<uint32_t> counts;
  std::vector<bool> done;
  std::set<size_t> held;
  uint32_t credit = 0;
  std::unique_ptr<scene> t;
};

dispatch_options shipped() {
  auto o = scene::defaults();
  o.turns.max_jobs = 10;
  return o;
}

broker without_windows(int n) {
  auto o = shipped();
  o.windows.quiet = 0s;
  broker b{n};
  b.start(o);
  b.deliver();
  return b;
}

}  // namespace

TEST_CASE("after a crash only a few deliveries are taken at a time") {
  broker b{200};
  b.start(shipped());
  b.deliver();
  CHECK(b.held.size() == 200);  // open windows
  b.kill();
  b.start(shipped());
  b.deliver();
  CHECK(b.held.size() == 2);
  b.work(3);
  CHECK(b.held.size() <= 8);
}

TEST_CASE("ten kills in a row, a few jobs between them: no delivery comes near its last count") {
  for (const size_t jobs : {1U, 2U, 5U, 20U}) {
    CAPTURE(jobs);
    broker b{200};
    for (int kill = 0; kill < 10; ++kill) {
      b.start(shipped());
      b.deliver();
      b.t->pass(kill == 0 ? 0s : 61s);
      b.work(jobs);
      b.kill();
    }
    CHECK(b.highest() < 10);
  }
}

TEST_CASE("ten kills in a row without one job done cost the few that were held, nobody else") {
  broker b{200};
  for (int kill = 0; kill < 10; ++kill) {
    b.start(shipped());
    b.deliver();
    b.kill();
  }
  CHECK(std::count_if(b.counts.begin(), b.counts.end(), [](uint32_t c) { return c > 1; }) <= 2);
}

TEST_CASE("with windows that are ready the rest stays with the broker, with open ones all the room is used") {
  auto ready = without_windows(5'000);
  ready.work(200);
  CHECK(ready.held.size() <= 56);
  broker open{5'000};
  open.start(shipped());
  open.deliver();
  CHECK(open.held.size() == 5'000);
}

TEST_CASE("what waits for its own sake does not keep the others out") {
  auto b = without_windows(500);
  for (int round = 0; round < 30; ++round) {
    for (const auto& session : b.t->running_sessions()) {
      if (std::stoi(session.substr(1)) % 2 == 0) {
        b.t->fail(session, stage::load, errc::conversation_missing);
      } else {
        b.t->commit(session);
      }
    }
    b.settle();
  }
  CHECK(std::count(b.done.begin(), b.done.end(), true) > 100);
}

TEST_CASE(
    "a Redis that came back empty lets in no more than a few rounds of conversations that are missing") {
  auto b = without_windows(500);
  for (int round = 0; round < 60; ++round) {
    fail_all(*b.t, stage::load, errc::conversation_missing);
    b.t->pass(1s);
    b.deliver();
  }
  CHECK(b.held.size() <= 80);
  CHECK_FALSE(any_dead_letter(*b.t));
}
