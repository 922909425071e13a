// memory-worker: the daemon and its command line.  run | check | health | config | version
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "cmd/memory-worker/commands.hpp"
#include "protocol/config/reference.hpp"
#include "protocol/io/open_files.hpp"

namespace {

constexpr std::string_view usage =
    R"(memory-worker: gives a chat application long-term memory

usage: memory-worker COMMAND [--config FILE] [--section.key=VALUE ...]

  run       take message-completed events and store memories until SIGTERM
  check     try every dependency and say in words what is wrong
            (--live tries receive, release, renew, settle and dead-letter with one waiting message of the
            subscription; it ends in the dead-letter queue)
  health    ask the running worker whether it lives (for a container's health check)
  config    print the configuration in force, and where each value came from
            (--reference prints the reference page of all options)
  version   print the version

Configuration: defaults < memory-worker.conf < environment and .env < command line.
Exit codes: 0 clean, 1 failed, 78 the configuration cannot work.

)";

void print_notes(const mw::config::loaded& l) {
  for (const auto& n : l.notes) fmt::print(stderr, "memory-worker: note: {}\n", n);
  for (const auto& w : l.warnings) fmt::print(stderr, "memory-worker: warning: {}\n", w.detail);
}

int print_config(const mw::config::loaded& l) {
  std::fputs(mw::config::print(l).c_str(), stdout);
  return mw::print_problems(l.problems) ? mw::config::exit_misconfigured : 0;
}

bool take_flag(std::vector<std::string>& args, std::string_view flag) {
  return std::erase(args, flag) > 0;
}

}  // namespace

bool mw::print_problems(const std::vector<failure>& problems) {
  for (const auto& p : problems) fmt::print(stderr, "memory-worker: {}\n", p.detail);
  return !problems.empty();
}

int main(int argc, char** argv) {
  mw::io::raise_open_files_limit();
  std::vector<std::string> args(argv + 1, argv + argc);
  const std::string command = args.empty() ? "help" : args.front();
  if (!args.empty()) args.erase(args.begin());
  if (command == "version" || command == "--version") {
    fmt::print("memory-worker {}\n", MW_VERSION);
    return 0;
  }
  if (command == "help" || command == "--help" || command == "-h") {
    fmt::print("{}{}", usage, mw::config::help_text());
    return 0;
  }
  if (command == "config" && args == std::vector<std::string>{"--reference"}) {
    fmt::print("{}", mw::config::reference_page());
    return 0;
  }
  if (command != "run" && command != "check" && command != "health" && command != "config") {
    fmt::print(
        stderr,
        "memory-worker: unknown command \"{}\"; the commands are run, check, health, config, version\n",
        command);
    return mw::config::exit_misconfigured;
  }
  const bool live = command == "check" && take_flag(args, "--live");
  const bool yes_really = live && take_flag(args, "--yes-really");
  const auto need =
      command == "config" || command == "health" ? mw::config::need::nothing : mw::config::need::everything;
  const auto inputs = mw::config::inputs_of_process(std::move(args));
  const auto loaded = mw::config::load(inputs, need);
  if (command == "config" || command == "check") print_notes(loaded);
  if (command == "config") return print_config(loaded);
  if (mw::print_problems(loaded.problems)) return mw::config::exit_misconfigured;
  if (command == "health") return mw::ask_health(loaded);
  if (live) return mw::check_live(loaded, yes_really);
  return command == "run" ? mw::run_worker(loaded, inputs) : mw::check_dependencies(loaded);
}
