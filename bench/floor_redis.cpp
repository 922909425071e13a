#include "bench/floor_redis.hpp"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <sys/epoll.h>

#include <array>
#include <memory>

#include "bench/die.hpp"

namespace mw::bench {

floor_redis::floor_redis(io::loop& loop, uint16_t port)
    : loop_(loop), context_(redisAsyncConnect("127.0.0.1", port)) {
  if (context_ == nullptr || context_->err != 0) die("redis: cannot connect");
  context_->ev.data = this;
  context_->ev.addRead = [](void* me) {
    auto& r = *static_cast<floor_redis*>(me);
    r.watch(r.events_ | EPOLLIN);
  };
  context_->ev.delRead = [](void* me) {
    auto& r = *static_cast<floor_redis*>(me);
    r.watch(r.events_ & ~uint32_t{EPOLLIN});
  };
  context_->ev.addWrite = [](void* me) {
    auto& r = *static_cast<floor_redis*>(me);
    r.watch(r.events_ | EPOLLOUT);
  };
  context_->ev.delWrite = [](void* me) {
    auto& r = *static_cast<floor_redis*>(me);
    r.watch(r.events_ & ~uint32_t{EPOLLOUT});
  };
  loop_.watch(context_->c.fd, 0, [this](uint32_t events) {
    if ((events & EPOLLOUT) != 0) redisAsyncHandleWrite(context_);
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) redisAsyncHandleRead(context_);
  });
  redisAsyncSetDisconnectCallback(context_, [](const redisAsyncContext*, int why) {
    if (why != REDIS_OK) die("redis: connection lost");
  });
  watch(EPOLLOUT);
}

floor_redis::~floor_redis() {
  loop_.unwatch(context_->c.fd);
  context_->ev = {};
  redisAsyncSetDisconnectCallback(context_, nullptr);
  redisAsyncFree(context_);
}

void floor_redis::watch(uint32_t events) {
  if (events == events_) return;
  events_ = events;
  loop_.modify(context_->c.fd, events);
}

void floor_redis::command(std::initializer_list<std::string_view> argv, reply_fn done) {
  std::array<const char*, 8> parts{};
  std::array<size_t, 8> sizes{};
  int count = 0;
  for (const auto part : argv) {
    parts.at(static_cast<size_t>(count)) = part.data();
    sizes.at(static_cast<size_t>(count++)) = part.size();
  }
  auto state = std::make_unique<reply_fn>(std::move(done));
  redisAsyncCommandArgv(
      context_,
      [](redisAsyncContext*, void* answer, void* data) {
        const std::unique_ptr<reply_fn> taken{static_cast<reply_fn*>(data)};
        const auto* r = static_cast<const redisReply*>(answer);
        if (r == nullptr) return;  // the context is being freed
        if (r->type == REDIS_REPLY_ERROR) die(std::string{"redis: "} + r->str);
        const bool text = r->type == REDIS_REPLY_STRING;
        (*taken)(text ? std::string_view{r->str, static_cast<size_t>(r->len)} : std::string_view{});
      },
      state.release(), count, parts.data(), sizes.data());
}

}  // namespace mw::bench
