// The commands of memory-worker. Each gets the loaded configuration and returns the process's exit code:
// 0 done, 1 failed (check: a dependency is not well; run: the supervisor gave up or a second signal came),
// 78 the configuration cannot work.
#pragma once

#include "protocol/config/load.hpp"

namespace mw {

/// `in`: what the configuration was loaded from; SIGHUP loads it again.
int run_worker(const config::loaded& configuration, const config::inputs& in);
int check_dependencies(const config::loaded& configuration);
/// `check --live`: proves on the user's own subscription what no test without Azure can. Takes one waiting
/// message and ends by dead-lettering it; refuses where more than a few wait, unless told otherwise.
int check_live(const config::loaded& configuration, bool yes_really);
/// 0 where a running worker with this configuration answers that it lives.
int ask_health(const config::loaded& configuration);

/// Prints one line per problem; true where there was one.
bool print_problems(const std::vector<failure>& problems);

}  // namespace mw
