// Runs a step on a loop's thread and waits until it is over: for the end of what the loop's callbacks use.
// Only while the loop runs, and never from its own thread: that would wait for ever.
#pragma once

#include <functional>
#include <future>

#include "protocol/io/loop.hpp"

namespace mw::io {

inline void run_on(loop& l, const std::function<void()>& step) {
  std::promise<void> over;
  l.post([&] {
    step();
    over.set_value();
  });
  over.get_future().wait();
}

}  // namespace mw::io
