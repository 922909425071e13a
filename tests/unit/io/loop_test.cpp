#include "protocol/io/loop.hpp"

#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <vector>

using namespace std::chrono_literals;

TEST_CASE("loop: timers run in order of their due time, posted tasks in order of posting") {
  mw::io::loop loop;
  std::vector<int> seen;
  loop.post([&] {
    loop.after(20ms, [&] {
      seen.push_back(3);
      loop.stop();
    });
    loop.after(1ms, [&] { seen.push_back(2); });
    const auto id = loop.after(1ms, [&] { seen.push_back(99); });
    loop.cancel(id);
  });
  loop.post([&] { seen.push_back(1); });
  loop.run();
  CHECK(seen == std::vector{1, 2, 3});
}

TEST_CASE("loop: after unwatch no callback follows, not even from the same batch") {
  mw::io::loop loop;
  std::array<int, 2> a{};
  std::array<int, 2> b{};
  REQUIRE(pipe(a.data()) == 0);
  REQUIRE(pipe(b.data()) == 0);
  int calls = 0;
  loop.post([&] {
    const auto handler = [&](uint32_t) {
      ++calls;
      loop.unwatch(a[0]);
      loop.unwatch(b[0]);
      loop.after(5ms, [&] { loop.stop(); });
    };
    loop.watch(a[0], EPOLLIN, handler);
    loop.watch(b[0], EPOLLIN, handler);
    REQUIRE(write(a[1], "x", 1) == 1);
    REQUIRE(write(b[1], "x", 1) == 1);
  });
  loop.run();
  CHECK(calls == 1);
  for (int fd : {a[0], a[1], b[0], b[1]}) close(fd);
}

TEST_CASE("loop: a thread's posts all run before its destructor returns") {
  int ran = 0;
  {
    mw::io::loop_thread t;
    for (int i = 0; i < 1000; ++i) t.get().post([&] { ++ran; });
  }
  CHECK(ran == 1000);
}

TEST_CASE("loop: what is put off to a turn's end runs after everything the turn brought, in order") {
  mw::io::loop loop;
  std::vector<int> seen;
  loop.post([&] {
    mw::io::loop::at_turn_end([&] {
      seen.push_back(3);
      mw::io::loop::at_turn_end([&] { seen.push_back(5); });
    });
    mw::io::loop::at_turn_end([&] { seen.push_back(4); });
    seen.push_back(1);
  });
  loop.post([&] {
    seen.push_back(2);
    loop.stop();
  });
  loop.run();
  CHECK(seen == std::vector{1, 2, 3, 4, 5});
}

TEST_CASE("loop: outside of a loop nothing is put off") {
  int ran = 0;
  mw::io::loop::at_turn_end([&] { ++ran; });
  CHECK(ran == 1);
}

// The identity posts its credentials to the loop as it goes, and a timer of a link may hold the last
// identity.
TEST_CASE("loop: what a left timer owns may post as it goes, and that is let go as well") {
  struct posts_as_it_goes {
    mw::io::loop& loop;
    std::shared_ptr<int> credentials;
    ~posts_as_it_goes() {
      loop.post([held = std::move(credentials)] {});
    }
  };
  const auto credentials = std::make_shared<int>();
  {
    mw::io::loop loop;
    auto last = std::make_shared<posts_as_it_goes>(posts_as_it_goes{loop, {}});
    last->credentials = credentials;
    loop.after(std::chrono::hours{1}, [last = std::move(last)] {});
    CHECK(credentials.use_count() == 2);
  }
  CHECK(credentials.use_count() == 1);
}
