#include "protocol/flow/byte_budget.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using mw::flow::byte_budget;

TEST_CASE("byte budget: admits up to its total and again when bytes come back") {
  byte_budget b{100};
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
  byte_budget b{100};
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
  byte_budget b{100};
  CHECK(b.take(1, 50));
  CHECK(b.take(2, 50));
  CHECK_FALSE(b.take(1, 51));
  CHECK(b.used() == 100);
}

TEST_CASE("byte budget: what is larger than the whole budget passes alone") {
  byte_budget b{100};
  CHECK(b.take(1, 1'000));
  CHECK_FALSE(b.take(2, 1));
  b.give_back(1);
  CHECK(b.take(2, 1));
  CHECK_FALSE(b.take(1, 1'000));
}

TEST_CASE("byte budget: sums are right when threads take and give back at once") {
  byte_budget b{1'000};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&b, t] {
      for (int i = 0; i < 2'000; ++i)
        if (b.take(t, 100)) b.give_back(t);
    });
  for (auto& t : threads) t.join();
  CHECK(b.used() == 0);
  CHECK(b.take(9, 1'000));
}
