// A development bus in this process and a receiver_link that records what its listener is told. wait() ends
// when its condition holds; ten seconds without it fail the test.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <vector>

#include "cmd/memory-devstack/bus/admin.hpp"
#include "cmd/memory-devstack/bus/broker.hpp"
#include "protocol/amqp/receiver_link.hpp"
#include "protocol/azure/sas.hpp"

namespace mw::amqp::test {

inline constexpr const char* entity = "events/Subscriptions/worker";
inline constexpr const char* key = "the-key";

/// For what no callback tells: asks until it holds.
inline void eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!holds() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  REQUIRE(holds());
}

class dev_bus {
 public:
  explicit dev_bus(devstack::bus_options o = {}) {
    o.port = 0;
    o.topics = {{"events", {"worker"}}};
    run([&] {
      broker_ = std::make_unique<devstack::broker>(thread_.get(), o);
      const auto port = broker_->listen(o);
      if (port) port_ = *port;
    });
    REQUIRE(port_ != 0);
  }
  ~dev_bus() {
    run([this] { broker_.reset(); });
  }
  dev_bus(const dev_bus&) = delete;
  dev_bus& operator=(const dev_bus&) = delete;

  uint16_t port() const { return port_; }

  /// On the bus's thread; returns when it is done.
  void run(const std::function<void()>& fn) {
    std::promise<void> done;
    thread_.get().post([&] {
      fn();
      done.set_value();
    });
    done.get_future().wait();
  }
  void step(const std::function<void(devstack::broker&)>& fn) {
    run([&] { broker_->step([&] { fn(*broker_); }); });
  }
  void publish(int count, const std::string& body = "{}") {
    step([&](devstack::broker& b) {
      for (int i = 0; i < count; ++i) {
        std::string bytes;
        std::string id{"m"};
        id += std::to_string(i);
        encoder e{bytes};
        e.begin_section(section_code::properties).begin_list().string(id).end();
        e.begin_section(section_code::data).binary(body);
        const auto what = devstack::parse_content(bytes, [&] { return b.new_message_id(); });
        b.entities().find("events").to->publish(*what, b.now());
      }
    });
  }
  devstack::entity_totals totals() {
    devstack::entity_totals t;
    step([&](devstack::broker& b) { t = b.entities().find(entity).from->totals(); });
    return t;
  }
  std::string admin(const std::string& method, const std::string& path, const std::string& body = "") {
    std::string json;
    run([&] { json = devstack::answer_admin(*broker_, {method, path, "", body}).json; });
    return json;
  }

 private:
  io::loop_thread thread_;
  std::unique_ptr<devstack::broker> broker_;
  uint16_t port_ = 0;
};

class client {
 public:
  explicit client(link_options o) {
    listener l;
    l.away = [this](failure f, std::chrono::milliseconds pause) {
      note([&] { away_.emplace_back(std::move(f), pause); });
    };
    l.back = [this] { note([&] { ++back_; }); };
    l.ready = [this] { note([&] { ready_ = true; }); };
    l.delivery = [this](incoming d) { note([&] { deliveries_.push_back(std::move(d)); }); };
    l.settled = [this](int64_t n, status s) { note([&] { settled_.emplace_back(n, std::move(s)); }); };
    l.not_released = [this](int64_t n) { note([&] { not_released_.push_back(n); }); };
    l.lock_lost = [this](int64_t n) { note([&] { lost_.push_back(n); }); };
    l.drained = [this] { note([&] { ++drained_; }); };
    l.closed = [this](failure f) { note([&] { closed_.push_back(std::move(f)); }); };
    link_ = std::make_unique<receiver_link>(thread_.get(), std::move(o), std::move(l));
  }
  receiver_link* operator->() { return link_.get(); }
  void destroy() { link_.reset(); }

  void wait(const std::function<bool()>& holds) {
    std::unique_lock lock{mutex_};
    const bool came = changed_.wait_for(lock, std::chrono::seconds{10}, holds);
    const std::string end = closed_.empty() ? "alive" : to_string(closed_[0]);
    CAPTURE(end);
    REQUIRE(came);
  }
  void become_ready(uint32_t credit = 0) {
    link_->start();
    wait([&] { return ready_ || !closed_.empty(); });
    REQUIRE(closed().empty());
    if (credit > 0) link_->add_credit(credit);
  }
  /// Starts and waits for the end; what it ended with.
  failure start_and_fail() {
    link_->start();
    wait([&] { return !closed_.empty(); });
    CHECK_FALSE(ready());
    return closed().at(0);
  }
  incoming receive_one() {
    const size_t had = deliveries().size();
    link_->add_credit(1);
    wait([&] { return deliveries_.size() > had; });
    return deliveries().back();
  }
  status settle(int64_t n, outcome o = {}) {
    const size_t had = settled().size();
    link_->settle(n, std::move(o));
    wait([&] { return settled_.size() > had; });
    const auto last = settled().back();
    CHECK(last.first == n);
    return last.second;
  }

  // What was heard so far. Copies: the link goes on.
  std::vector<incoming> deliveries() const { return copy(deliveries_); }
  std::vector<std::pair<int64_t, status>> settled() const { return copy(settled_); }
  std::vector<int64_t> lost() const { return copy(lost_); }
  std::vector<int64_t> not_released() const { return copy(not_released_); }
  std::vector<failure> closed() const { return copy(closed_); }
  std::vector<std::pair<failure, std::chrono::milliseconds>> away() const { return copy(away_); }
  int back() const { return copy(back_); }
  int drained() const { return copy(drained_); }
  bool ready() const { return copy(ready_); }

 private:
  template <class F>
  void note(F f) {
    const std::lock_guard lock{mutex_};
    f();
    changed_.notify_all();
  }
  template <class T>
  T copy(const T& field) const {
    const std::lock_guard lock{mutex_};
    return field;
  }
  mutable std::recursive_mutex mutex_;  // recursive: wait() asks with the accessors
  std::condition_variable_any changed_;
  bool ready_ = false;
  std::vector<incoming> deliveries_;
  std::vector<std::pair<int64_t, status>> settled_;
  std::vector<int64_t> lost_;
  std::vector<int64_t> not_released_;
  std::vector<std::pair<failure, std::chrono::milliseconds>> away_;
  int back_ = 0;
  int drained_ = 0;
  std::vector<failure> closed_;
  io::loop_thread thread_;
  std::unique_ptr<receiver_link> link_;
};

inline link_options options_for(const dev_bus& bus) {
  link_options o;
  o.host = "127.0.0.1";
  o.port = bus.port();
  o.tls = false;
  o.entity = entity;
  o.container_id = "test-worker";
  o.operation_timeout = std::chrono::seconds{10};
  o.seed = 1;
  o.reattach = {std::chrono::milliseconds{10}, std::chrono::milliseconds{100},
                std::chrono::milliseconds{150}};
  o.token_for = [](const std::string& audience, const auto& done) {
    const auto expires = std::chrono::system_clock::now() + std::chrono::hours{1};
    done(link_options::token{"servicebus.windows.net:sastoken",
                             azure::make_sas_token(audience, "listen", key, expires), expires});
  };
  return o;
}

}  // namespace mw::amqp::test
