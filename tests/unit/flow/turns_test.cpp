#include "protocol/flow/turns.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <string>

using namespace std::chrono_literals;
using namespace mw::flow;

namespace {

struct queue {
  explicit queue(turn_policy p) : order(p) {}
  const window* wait(const std::string& user, const std::string& session) {
    window w;
    w.ids = {user, session, "m", ""};
    w.ready = true;
    w.waiting_since = now += 1ms;
    order.push(&all.emplace_back(std::move(w)));
    return &all.back();
  }
  std::string next() {
    const turn t = order.next();
    if (!t) return "-";
    return t.fresh != nullptr ? std::string{t.fresh->ids.user()} : "job " + std::to_string(t.resumed);
  }
  turns order;
  std::deque<window> all;
  time_point now = time_point{} + 1000h;
};

turn_policy policy(uint32_t max_jobs) {
  return {max_jobs, 0.25, 4, 4};
}

}  // namespace

TEST_CASE("turns: users take turns, whoever came first with many") {
  queue q{policy(40)};
  for (int i = 0; i < 3; ++i) q.wait("a", std::string{"a"}.append(std::to_string(i)));
  q.wait("b", "b");
  q.wait("c", "c");
  CHECK(q.next() == "a");
  CHECK(q.next() == "b");
  CHECK(q.next() == "c");
  CHECK(q.next() == "-");
  q.order.finished("a");
  CHECK(q.next() == "a");
  CHECK(q.next() == "-");
}

TEST_CASE("turns: one user's conversations start in the order they became ready") {
  queue q{policy(40)};
  const window* first = q.wait("a", "1");
  const window* second = q.wait("a", "2");
  CHECK(q.order.next().fresh == first);
  q.order.finished("a");
  CHECK(q.order.next().fresh == second);
}

TEST_CASE("turns: a user with many waiting conversations widens from one to four jobs") {
  queue q{policy(40)};
  for (int i = 0; i < 4; ++i) q.wait("a", std::to_string(i));
  CHECK(q.next() == "a");
  CHECK(q.next() == "-");
  for (int i = 4; i < 12; ++i) q.wait("a", std::to_string(i));
  CHECK(q.next() == "a");
  CHECK(q.next() == "a");
  CHECK(q.next() == "a");
  CHECK(q.next() == "-");
  for (int i = 0; i < 4; ++i) q.order.finished("a");
  for (int i = 0; i < 4; ++i) CHECK(q.next() == "a");
  CHECK(q.order.waiting() == 4);
}

TEST_CASE("turns: a widened user does not run before another one's turn") {
  queue q{policy(40)};
  for (int i = 0; i < 12; ++i) q.wait("a", std::to_string(i));
  CHECK(q.next() == "a");
  q.wait("b", "1");
  CHECK(q.next() == "a");
  CHECK(q.next() == "b");
  CHECK(q.next() == "a");
}

TEST_CASE("turns: while others wait no user takes more than a quarter of the job room") {
  queue q{policy(8)};
  for (int i = 0; i < 50; ++i) q.wait("a", std::to_string(i));
  CHECK(q.next() == "a");
  CHECK(q.next() == "a");
  q.wait("b", "1");
  q.wait("c", "1");
  CHECK_FALSE(q.order.try_start("a"));
  CHECK(q.next() == "b");
  CHECK(q.next() == "c");
  CHECK(q.next() == "a");
  CHECK(q.order.try_start("a"));
  CHECK(q.next() == "-");
  queue small{policy(1)};
  small.wait("a", "1");
  CHECK(small.next() == "a");
}

TEST_CASE("turns: a job that goes on comes before its user's windows, in its user's turn") {
  queue q{policy(40)};
  q.wait("a", "1");
  q.wait("b", "1");
  q.order.resume("b", 7);
  q.order.resume("a", 8);
  CHECK(q.order.waiting() == 4);
  CHECK(q.next() == "job 8");
  CHECK(q.next() == "job 7");
  CHECK(q.next() == "-");
  q.order.finished("b");
  CHECK(q.next() == "b");
}

TEST_CASE("turns: what starts out of turn counts for its user") {
  queue q{policy(40)};
  CHECK(q.order.try_start("a"));
  CHECK_FALSE(q.order.try_start("a"));
  q.wait("a", "1");
  CHECK(q.next() == "-");
  q.order.finished("a");
  CHECK(q.next() == "a");
}

TEST_CASE("turns: dropped ones never come up") {
  queue q{policy(40)};
  const window* first = q.wait("a", "1");
  q.wait("a", "2");
  q.order.resume("b", 7);
  q.order.drop(first);
  q.order.drop(first);
  q.order.drop("b", 7);
  q.order.drop("b", 7);
  q.order.drop("nobody", 1);
  CHECK(q.order.waiting() == 1);
  CHECK(q.order.next().fresh->ids.session() == "2");
  CHECK(q.next() == "-");
  CHECK(q.order.waiting() == 0);
}

TEST_CASE("turns: a finish nobody started changes nothing") {
  queue q{policy(40)};
  q.order.finished("a");
  q.wait("a", "1");
  CHECK(q.next() == "a");
  CHECK_FALSE(q.order.try_start("a"));
}

TEST_CASE("turns: with a larger share a user is in turn again before one that is beyond his") {
  queue q{policy(4)};
  for (int i = 0; i < 8; ++i) q.wait("a", std::string{"a"}.append(std::to_string(i)));
  CHECK(q.next() == "a");
  for (int i = 0; i < 8; ++i) q.wait("b", std::string{"b"}.append(std::to_string(i)));
  CHECK(q.next() == "b");
  CHECK(q.next() == "a");
  q.order.set_policy(policy(12));
  CHECK(q.next() == "b");
  CHECK(q.next() == "a");
}

TEST_CASE("turns: what a user has waiting and running beyond his share of what is ready is told") {
  auto few = policy(40);
  few.user_ready = 3;
  queue q{few};
  for (int i = 0; i < 5; ++i) q.wait("a", std::to_string(i));
  q.wait("b", "1");
  CHECK(q.order.beyond_share() == 2);
  CHECK(q.next() == "a");
  CHECK(q.order.beyond_share() == 2);
  q.order.finished("a");
  CHECK(q.order.beyond_share() == 1);
  few.user_ready = 1;
  q.order.set_policy(few);
  CHECK(q.order.beyond_share() == 3);
}
