#include "protocol/io/lookup.hpp"

#include <doctest/doctest.h>
#include <netdb.h>

#include <future>
#include <system_error>

using namespace mw;
using namespace std::chrono_literals;

namespace {

constexpr auto bound = 30s;

/// Runs on the loop's thread and waits for it.
void on(io::loop_thread& t, const std::function<void()>& f) {
  std::promise<void> done;
  t.get().post([&] {
    f();
    done.set_value();
  });
  REQUIRE(done.get_future().wait_for(bound) == std::future_status::ready);
}

}  // namespace

TEST_CASE("lookup: a name's addresses come from the loop, ready to connect to") {
  io::loop_thread t;
  std::promise<io::lookup::answer> told;
  std::unique_ptr<io::lookup> l;
  on(t, [&] {
    auto r = io::lookup::start(t.get(), "localhost", 4711, 0, [&](io::lookup::answer a) {
      CHECK(t.get().on_loop_thread());
      l.reset();
      told.set_value(std::move(a));
    });
    REQUIRE(r);
    l = std::move(*r);
  });
  auto f = told.get_future();
  REQUIRE(f.wait_for(bound) == std::future_status::ready);
  const auto a = f.get();
  CHECK(a.error == 0);
  REQUIRE_FALSE(a.addresses.empty());
  CHECK(a.addresses.front().size > 0);
}

TEST_CASE("lookup: a numeric host needs nobody, a name is none") {
  CHECK(io::numeric_addresses("127.0.0.1", 1)->size() == 1);
  CHECK(io::numeric_addresses("::1", 1)->size() == 1);
  CHECK_FALSE(io::numeric_addresses("localhost", 1));
}

TEST_CASE("lookup: a name that does not exist is an error of the resolver") {
  io::loop_thread t;
  std::promise<int> told;
  std::unique_ptr<io::lookup> l;
  on(t, [&] {
    auto r = io::lookup::start(t.get(), "no-such-host.invalid", 1, 0,
                               [&](const io::lookup::answer& a) { told.set_value(a.error); });
    REQUIRE(r);
    l = std::move(*r);
  });
  auto f = told.get_future();
  REQUIRE(f.wait_for(bound) == std::future_status::ready);
  CHECK(f.get() != 0);
  on(t, [&] { l.reset(); });
}

TEST_CASE("lookup: without a thread to be had it is an error, not the end of the process") {
  io::loop_thread t;
  on(t, [&] {
    const auto r = io::lookup::start(
        t.get(), "localhost", 1, 0, [](const io::lookup::answer&) { FAIL("never called"); },
        [](const std::function<void()>&) {
          throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
        });
    REQUIRE_FALSE(r);
    CHECK(r.error().code == errc::unreachable);
    CHECK(r.error().detail.find("localhost") != std::string::npos);
  });
}

TEST_CASE("lookup: cancelled, it is not answered, though the resolver answers later") {
  io::loop_thread t;
  std::function<void()> later;
  std::unique_ptr<io::lookup> l;
  bool called = false;
  on(t, [&] {
    auto r = io::lookup::start(
        t.get(), "localhost", 1, 0, [&](const io::lookup::answer&) { called = true; },
        [&](std::function<void()> f) { later = std::move(f); });
    REQUIRE(r);
    l = std::move(*r);
    l->cancel();
    l.reset();
  });
  later();
  on(t, [] {});
  CHECK_FALSE(called);
}
