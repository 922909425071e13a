#include "cmd/memory-devstack/bus/run.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "cmd/memory-devstack/bus/admin.hpp"
#include "cmd/memory-devstack/bus/broker.hpp"

namespace mw::devstack {
namespace {

constexpr int exit_config = 78;

int complain(const failure& f) {
  fmt::print(stderr, "memory-devstack bus: {}\n", f.detail);
  return f.code == errc::misconfigured ? exit_config : 1;
}

/// Makes SIGTERM and SIGINT readable instead of deadly.
int block_stop_signals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  return signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace

int run_bus(std::span<const std::string> args) {
  const auto options = parse_bus_options(args);
  if (!options) return complain(options.error());
  if (options->help) {
    fmt::print("{}", bus_help());
    return 0;
  }
  const int signals = block_stop_signals();
  io::loop loop;
  broker bus{loop, *options};
  const auto port = bus.listen(*options);
  if (!port) return complain(port.error());
  admin_http admin{loop, [&bus](const admin_request& r) { return answer_admin(bus, r); }};
  std::string ready = fmt::format(R"({{"listening":{})", *port);
  if (options->admin_port) {
    const auto admin_port = admin.listen(*options->admin_port);
    if (!admin_port) return complain(admin_port.error());
    ready += fmt::format(R"(,"admin":{})", *admin_port);
  }
  fmt::print("{}}}\n", ready);
  std::fflush(stdout);
  loop.watch(signals, EPOLLIN, [&loop](uint32_t) { loop.stop(); });
  loop.run();
  loop.unwatch(signals);
  close(signals);
  return 0;
}

}  // namespace mw::devstack
