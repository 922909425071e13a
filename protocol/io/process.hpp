// Runs a program found on PATH without a shell and without blocking the loop: standard input empty, standard
// output and error collected up to a limit, ended with its whole process group when its time is over or it
// says too much. Called and answered on the loop's thread; `done` runs once, not from within run_program().
// Errors: not_found (no such program), timed_out, too_large, internal (no pipe or process could be made).
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "protocol/base/errors.hpp"
#include "protocol/io/loop.hpp"

namespace mw::io {

struct program_limits {
  std::chrono::milliseconds time{15'000};
  size_t bytes = 1u << 20;  ///< of each of the two outputs
};

struct program_end {
  int exit_code = 0;  ///< 128 and more: ended by signal code - 128
  std::string output;
  std::string error;
};

void run_program(loop& l, std::vector<std::string> arguments, program_limits limits,
                 std::function<void(result<program_end>)> done);

}  // namespace mw::io
