// How the floor ends when anything is not as it must be: there is nothing to save and nothing to retry.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

namespace mw::bench {

/// Also callable beneath a C library's callback, where no exception may pass.
[[noreturn]] inline void die(const std::string& why) {
  std::fprintf(stderr, "bench-floor: %s\n", why.c_str());
  _exit(1);
}

}  // namespace mw::bench
