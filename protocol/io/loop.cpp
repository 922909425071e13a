#include "protocol/io/loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace mw::io {
namespace {

thread_local std::vector<loop::task>* turn_of_this_thread = nullptr;

}  // namespace

loop::loop() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (epoll_ < 0 || wake_ < 0)
    throw std::runtime_error("epoll_create1 or eventfd failed: out of file descriptors?");
  epoll_event ev{};
  ev.events = EPOLLIN;
  ev.data.fd = wake_;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &ev);
}

// What a task, timer or handler owns may post, cancel or unwatch while it goes: everything is let go while
// the loop is still whole, until nothing more comes.
loop::~loop() {
  while (!posted_.empty() || !timers_.empty() || !watched_.empty()) {
    const auto tasks = std::exchange(posted_, {});
    const auto timers = std::exchange(timers_, {});
    const auto handlers = std::exchange(watched_, {});
  }
  close(wake_);
  close(epoll_);
}

bool loop::on_loop_thread() const {
  return turn_of_this_thread == &at_turn_end_;
}

void loop::post(task fn) {
  bool wake = false;
  {
    const std::lock_guard lock{mutex_};
    posted_.push_back(std::move(fn));
    wake = std::exchange(asleep_, false);
  }
  if (wake) eventfd_write(wake_, 1);
}

void loop::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    asleep_ = false;
  }
  eventfd_write(wake_, 1);
}

void loop::watch(int fd, uint32_t events, fd_handler handler) {
  watched_[fd] = std::make_shared<watched>(watched{std::move(handler), ++generation_});
  epoll_event ev{};
  ev.events = events;
  ev.data.fd = fd;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &ev);
}

void loop::modify(int fd, uint32_t events) {
  epoll_event ev{};
  ev.events = events;
  ev.data.fd = fd;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &ev);
}

void loop::unwatch(int fd) {
  if (watched_.erase(fd) > 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

timer_id loop::after(clock::duration delay, task fn) {
  const timer_id id = next_timer_++;
  // Not now_: it may be old when a callback took long, and a delay is promised in full.
  const auto due = clock::now() + delay;
  timers_.emplace(std::pair{due, id}, std::move(fn));
  timer_due_.emplace(id, due);
  return id;
}

void loop::cancel(timer_id id) {
  const auto it = timer_due_.find(id);
  if (it == timer_due_.end()) return;
  timers_.erase({it->second, id});
  timer_due_.erase(it);
}

int loop::wait_ms() const {
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first.first - clock::now();
  if (left <= clock::duration::zero()) return 0;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return ms > 60'000 ? 60'000 : static_cast<int>(ms);
}

int loop::fall_asleep() {
  const int wait = wait_ms();
  const std::lock_guard lock{mutex_};
  asleep_ = posted_.empty();
  return asleep_ ? wait : 0;
}

void loop::at_turn_end(task fn) {
  if (turn_of_this_thread == nullptr) return fn();
  turn_of_this_thread->push_back(std::move(fn));
}

void loop::end_turn() {
  // By index: a task may add another one.
  for (size_t i = 0; i < at_turn_end_.size(); ++i) std::exchange(at_turn_end_[i], {})();
  at_turn_end_.clear();
}

void loop::run_posted() {
  std::vector<task> batch;
  {
    const std::lock_guard lock{mutex_};
    batch.swap(posted_);
    asleep_ = false;
  }
  for (auto& fn : batch) fn();
}

void loop::run_timers() {
  while (!timers_.empty() && timers_.begin()->first.first <= now_) {
    auto node = timers_.extract(timers_.begin());
    timer_due_.erase(node.key().second);
    node.mapped()();
  }
}

void loop::run() {
  turn_of_this_thread = &at_turn_end_;
  std::array<epoll_event, 256> events{};
  for (;;) {
    const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), fall_asleep());
    now_ = clock::now();
    // A handler may unwatch an fd whose event is still in this batch, and a new watch may reuse the number.
    const uint64_t batch_generation = generation_;
    for (int i = 0; i < n; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == wake_) {
        eventfd_t drained = 0;
        eventfd_read(wake_, &drained);
        continue;
      }
      const auto it = watched_.find(fd);
      if (it == watched_.end() || it->second->generation > batch_generation) continue;
      const auto keep = it->second;  // the handler may unwatch itself
      keep->handler(events[static_cast<size_t>(i)].events);
    }
    run_posted();
    run_timers();
    end_turn();
    run_posted();  // what the turn's end posted needs no look at the sockets first
    end_turn();
    const std::lock_guard lock{mutex_};
    if (stopping_ && posted_.empty()) break;
  }
  turn_of_this_thread = nullptr;
}

loop_thread::loop_thread() : loop_(std::make_unique<loop>()), thread_([this] { loop_->run(); }) {}

loop_thread::~loop_thread() {
  loop_->stop();
  thread_.join();
}

}  // namespace mw::io
