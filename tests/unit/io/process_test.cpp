#include "protocol/io/process.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <optional>

using namespace std::chrono_literals;
using mw::errc;
using mw::io::program_end;
using mw::io::program_limits;

namespace {

mw::result<program_end> run(std::vector<std::string> arguments, program_limits limits = {}) {
  mw::io::loop loop;
  std::optional<mw::result<program_end>> end;
  loop.post([&] {
    mw::io::run_program(loop, std::move(arguments), limits, [&](mw::result<program_end> r) {
      end = std::move(r);
      loop.stop();
    });
    CHECK_FALSE(end);
  });
  loop.run();
  REQUIRE(end);
  return *end;
}

}  // namespace

TEST_CASE("program: both outputs and the exit code come back, the input is empty") {
  const auto r = run({"sh", "-c", "cat; echo out; echo err >&2; exit 7"});
  REQUIRE(r);
  CHECK(r->output == "out\n");
  CHECK(r->error == "err\n");
  CHECK(r->exit_code == 7);
}

TEST_CASE("program: arguments are passed as they are, no shell sees them") {
  const auto r = run({"printf", "%s", "$(reboot); `id` * \"'"});
  REQUIRE(r);
  CHECK(r->output == "$(reboot); `id` * \"'");
}

TEST_CASE("program: signals that this process blocks or ignores reach it") {
  sigset_t term;
  sigset_t before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, &before);
  const auto r = run({"sh", "-c", "kill -TERM $$; echo still here"});
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  REQUIRE(r);
  CHECK(r->exit_code == 128 + SIGTERM);
  CHECK(r->output.empty());
}

TEST_CASE("program: one that is not there, says too much, or takes too long is an error") {
  CHECK(run({"no-such-program-of-ours"}).error().code == errc::not_found);
  CHECK(run({"yes"}, {10s, 1000}).error().code == errc::too_large);
  CHECK(run({"sleep", "1000"}, {50ms, 1000}).error().code == errc::timed_out);
}

TEST_CASE("program: what it left running does not hold up the answer, and is ended with it") {
  const auto r = run({"sh", "-c", "sleep 1000 & echo $!"});
  REQUIRE(r);
  const pid_t left = std::stoi(r->output);
  while (kill(left, 0) == 0) usleep(1000);
}
