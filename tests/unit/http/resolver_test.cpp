// A name server that does not answer: this program's getaddrinfo holds names that begin with "held" until it
// is told, as the resolver does for half a minute and more.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <string_view>

#include "protocol/http/client.hpp"

using namespace std::chrono_literals;
using namespace mw;

namespace {

constexpr auto bound = 20s;

class gate {
 public:
  void pass() {
    std::unique_lock lock{mutex_};
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --inside_;
    changed_.notify_all();
  }
  void wait_for_somebody() {
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_for(lock, bound, [this] { return inside_ > 0; }));
  }
  /// Lets out who is inside, and closes again.
  void let_out() {
    std::unique_lock lock{mutex_};
    open_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return inside_ == 0; });
    open_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool open_ = false;
};

gate held_names;

http::request to_held_name(std::chrono::milliseconds limit) {
  http::request r;
  r.url = "http://held.invalid/";
  r.connect_timeout = r.total_timeout = limit;
  return r;
}

}  // namespace

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** out) {
  if (host != nullptr && std::string_view{host}.starts_with("held")) {
    held_names.pass();
    return EAI_AGAIN;
  }
  static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(host, service, hints, out);
}

TEST_CASE("client: a time-out while the name server is silent comes in time and holds up nobody else") {
  io::loop_thread loop;
  http::client client{loop.get(), {}};
  std::promise<result<http::response>> ended;
  client.send(to_held_name(100ms), [&](result<http::response> r) { ended.set_value(std::move(r)); });
  held_names.wait_for_somebody();
  auto f = ended.get_future();
  const bool in_time = f.wait_for(bound) == std::future_status::ready;
  std::promise<void> turn;
  loop.get().post([&] { turn.set_value(); });
  const bool loop_is_free = turn.get_future().wait_for(bound) == std::future_status::ready;
  held_names.let_out();
  CHECK(loop_is_free);
  REQUIRE(in_time);
  CHECK(f.get().error().code == errc::timed_out);
}

TEST_CASE("client: destroyed while the name server is silent, it waits for nobody") {
  io::loop_thread loop;
  auto client = std::make_unique<http::client>(loop.get(), http::client_options{});
  std::promise<result<http::response>> ended;
  client->send(to_held_name(60s), [&](result<http::response> r) { ended.set_value(std::move(r)); });
  held_names.wait_for_somebody();
  auto gone = std::async(std::launch::async, [&] { client.reset(); });
  const bool in_time = gone.wait_for(bound) == std::future_status::ready;
  held_names.let_out();
  CHECK(in_time);
  CHECK(ended.get_future().get().error().code == errc::cancelled);
}
