// hiredis's own asynchronous client on the floor's loop, nothing around it. Loop thread only; a lost
// connection ends the program.
#pragma once

#include <functional>
#include <initializer_list>
#include <string_view>

#include "protocol/io/loop.hpp"

struct redisAsyncContext;

namespace mw::bench {

class floor_redis {
 public:
  using reply_fn = std::function<void(std::string_view text)>;  ///< empty for nil, integers and status too
  floor_redis(io::loop& loop, uint16_t port);
  ~floor_redis();
  floor_redis(const floor_redis&) = delete;
  floor_redis& operator=(const floor_redis&) = delete;

  void command(std::initializer_list<std::string_view> argv, reply_fn done);

 private:
  void watch(uint32_t events);
  io::loop& loop_;
  redisAsyncContext* context_;
  uint32_t events_ = 0;
};

}  // namespace mw::bench
