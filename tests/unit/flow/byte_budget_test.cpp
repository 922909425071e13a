#include "protocol/flow/byte_budget.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using mw::flow::byte_budget;

namespace {

/// A budget with jobs 1 to 9 running.
struct opened : byte_budget {
  explicit opened(uint64_t total) : byte_budget{total} {
    for (uint64_t job = 1; job <= 9; ++job) open(job);
  }
};

}  // namespace

TEST_CASE("byte budget: admits up to its total and again when bytes come back") {
  opened b{100};
  CHECK(b.total() == 100);
  CHECK(b.take(1, 60));
  CHECK(b.take(2, 40));
  CHECK_FALSE(b.take(3, 1));
  b.give_back(1);
  CHECK(b.used() == 40);
  CHECK(b.take(3, 60));
  CHECK(b.used() == 100);
}

TEST_CASE("byte budget: a job's bytes are replaced, not added, and given back once") {
  opened b{100};
  CHECK(b.take(1, 60));
  CHECK(b.take(1, 90));
  CHECK(b.used() == 90);
  CHECK(b.take(1, 10));
  CHECK(b.used() == 10);
  b.give_back(1);
  b.give_back(1);
  b.give_back(7);
  CHECK(b.used() == 0);
}

TEST_CASE("byte budget: a refused growth keeps what the job held") {
  opened b{100};
  CHECK(b.take(1, 50));
  CHECK(b.take(2, 50));
  CHECK_FALSE(b.take(1, 51));
  CHECK(b.used() == 100);
}

TEST_CASE("byte budget: what is larger than the whole budget passes alone") {
  opened b{100};
  CHECK(b.take(1, 1'000));
  CHECK_FALSE(b.take(2, 1));
  b.give_back(1);
  b.open(1);
  CHECK(b.take(2, 1));
  CHECK_FALSE(b.take(1, 1'000));
}

TEST_CASE("byte budget: sums are right when threads take and give back at once") {
  opened b{1'000};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&b, t] {
      for (int i = 0; i < 2'000; ++i) {
        b.open(t + 1);
        if (b.take(t + 1, 100)) b.give_back(t + 1);
      }
    });
  for (auto& t : threads) t.join();
  CHECK(b.used() == 0);
  CHECK(b.take(9, 1'000));
}

TEST_CASE("byte budget: a job that has ended takes nothing any more, until it runs again") {
  byte_budget b{100};
  b.open(1);
  CHECK(b.take(1, 10));
  b.give_back(1);
  CHECK_FALSE(b.take(1, 10));
  b.open(1);
  CHECK(b.take(1, 10));
  b.give_back_all();
  CHECK_FALSE(b.take(1, 10));
  CHECK(b.used() == 0);
}
