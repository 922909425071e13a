// `memory-worker run`: builds the world, starts the supervisor, waits for its end or a signal.
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <limits>

#include "actors/loop_scheduler.hpp"
#include "actors/supervisor.hpp"
#include "cmd/memory-worker/commands.hpp"
#include "cmd/memory-worker/live_ports.hpp"
#include "cmd/memory-worker/memory_stores.hpp"
#include "cmd/memory-worker/reload.hpp"
#include "cmd/memory-worker/telemetry.hpp"
#include "protocol/io/open_files.hpp"
#include "protocol/io/run_on.hpp"

namespace mw {
namespace {

/// SIGTERM and SIGINT drain, a second one ends the process at once, SIGHUP applies reloadable options.
class signals {
 public:
  signals() {
    sigemptyset(&set_);
    for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, s);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    signal(SIGPIPE, SIG_IGN);
  }
  ~signals() {
    if (fd_ < 0) return;
    close(fd_);
  }
  signals(const signals&) = delete;
  signals& operator=(const signals&) = delete;

  /// `reload` runs at SIGHUP, on the loop's thread; true: the actors are to take the new settings.
  void watch(io::loop& loop, caf::actor root, std::function<bool()> reload) {
    reload_ = std::move(reload);
    fd_ = signalfd(-1, &set_, SFD_NONBLOCK | SFD_CLOEXEC);
    loop.post([this, &loop, root] {
      loop.watch(fd_, EPOLLIN, [this, root](uint32_t) {
        signalfd_siginfo info{};
        while (read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
          got(static_cast<int>(info.ssi_signo), root);
      });
    });
  }
  /// What is left of a limit that began with the first signal, for telemetry: some of it in any case.
  std::chrono::milliseconds left_of(std::chrono::milliseconds limit) const {
    constexpr std::chrono::milliseconds least{500};
    constexpr std::chrono::milliseconds most{5'000};
    const auto first = first_.load();
    const auto spent = first == clock::time_point{} ? clock::duration::zero() : clock::now() - first;
    return std::clamp(limit - std::chrono::duration_cast<std::chrono::milliseconds>(spent), least, most);
  }
  /// When it returns, SIGTERM and SIGINT end the process at once, and SIGHUP does nothing. Not on the loop's
  /// thread.
  void unwatch(io::loop& loop) {
    io::run_on(loop, [this, &loop] { loop.unwatch(fd_); });
    sigset_t ends{};
    sigemptyset(&ends);
    for (const int s : {SIGTERM, SIGINT}) {
      signal(s, [](int) { _exit(1); });
      sigaddset(&ends, s);
    }
    pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);
  }

 private:
  using clock = std::chrono::steady_clock;
  void got(int number, const caf::actor& root) {
    if (number == SIGHUP) {
      if (reload_()) caf::anon_send(root, settings_changed::value);
      return;
    }
    observe::log(log_level::info, "signal").field("number", number);
    if (seen_ == 0) first_ = clock::now();
    if (seen_++ > 0) {
      observe::log(log_level::error, "second-signal")
          .field("detail", "ending at once; locks lapse by themselves");
      _exit(1);
    }
    caf::anon_send(root, shutdown_atom::value);
  }
  sigset_t set_{};
  std::function<bool()> reload_;
  int fd_ = -1;
  int seen_ = 0;
  std::atomic<clock::time_point> first_{};
};

void log_start(const config::loaded& c) {
  const auto& s = c.values;
  auto& log = observe::process_logger();
  log.set_level(s.process.level);
  log.set_common({{"service", s.process.service_name}, {"node", s.process.node_name}});
  observe::log(log_level::info, "starting")
      .field("version", MW_VERSION)
      .field("config_file", c.file)
      .field("topic", s.receiver.topic)
      .field("subscription", s.receiver.subscription)
      .field("redis", fmt::format("{}:{}", s.session_loader.host, s.session_loader.port))
      .field("llm", s.llm_analyzer.endpoint)
      .field("memory", memory_place(s.memory_writer))
      .field("max_jobs", s.dispatcher.max_jobs)
      .field("quiet_ms", s.dispatcher.quiet)
      .field("bytes_in_flight", s.dispatcher.bytes_in_flight)
      .field("threads", s.process.threads)
      .field("telemetry", describe_telemetry(s));
  if (!s.session_loader.own_keys || !s.session_loader.lease)
    observe::log(log_level::warning, "conversations-not-leased")
        .field("effect", "two replicas may pay the LLM for the same conversation");
  if (s.telemetry.capture_content && !describe_telemetry(s).empty())
    observe::log(log_level::warning, "conversation-text-is-traced")
        .field(
            "detail",
            "telemetry.capture-content (OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT) is on: the chat "
            "spans carry what users said and what was answered");
}

/// LLM calls at once that there are open files for: of four connections the memory store may need one.
uint32_t calls_that_fit(const config::settings& s) {
  const uint64_t limit = io::open_files_limit();
  const auto fit = static_cast<uint32_t>(
      std::clamp<uint64_t>(io::connections_that_fit(limit) * 3 / 4, 1, std::numeric_limits<uint32_t>::max()));
  if (s.llm_analyzer.max_in_flight > fit)
    observe::log(log_level::warning, "open-files-limit-is-low")
        .field("limit", limit)
        .field("max_in_flight", s.llm_analyzer.max_in_flight)
        .field("taken", fit)
        .field("detail",
               fmt::format(
                   "llm_analyzer.max-in-flight is {}, but the limit of open files, {}, has room for {} "
                   "calls at once: so many it is. Raise the hard limit (ulimit -Hn, LimitNOFILE=, docker "
                   "run --ulimit nofile=), or lower max-in-flight",
                   s.llm_analyzer.max_in_flight, limit, fit));
  return fit;
}

}  // namespace

int run_worker(const config::loaded& c, const config::inputs& in) {
  signals on_signal;
  log_start(c);
  observe::metrics metrics{MW_VERSION};
  log_configuration(c, metrics);
  auto world = live_world::make(c.values, &metrics);
  if (!world) {
    print_problems({world.error()});
    return config::exit_misconfigured;
  }
  observe::status_board board{
      {c.values.process.service_name, c.values.process.node_name, MW_VERSION, observe::required_parts, {}}};
  auto shared = std::make_shared<services>(c.values, (*world)->outside(), metrics, board);
  shared->most_in_flight = calls_that_fit(c.values);
  shared->seed = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  auto telemetry = make_telemetry(c.values, (*world)->loop(), metrics, &(*world)->identity());
  if (!telemetry) {
    print_problems({telemetry.error()});
    return config::exit_misconfigured;
  }
  if (*telemetry) shared->traces = &(*telemetry)->book();
  shared->admin_listening = [](uint16_t port) {
    fmt::print("{{\"listening\":{}}}\n", port);
    std::fflush(stdout);
    observe::log(log_level::info, "admin-listening").field("port", port);
  };
  caf::actor_system_config actor_config;
  actor_config.set("scheduler.policy", caf::atom("sharing"));
  actor_config.set("scheduler.max-threads", size_t{c.values.process.threads});
  actor_config.set("scheduler.max-throughput", size_t{200});
  if (c.values.process.threads == 1) loop_scheduler::install(actor_config, (*world)->loop());
  bool clean = true;
  {
    caf::actor_system system{actor_config};
    caf::scoped_actor me{system, true};
    const auto root = me->spawn<caf::monitored>(supervisor, shared);
    on_signal.watch((*world)->loop(), root, [&in, &shared, &world, &metrics] {
      return reload_configuration(in, shared->settings, **world, metrics);
    });
    me->receive([&](const caf::down_msg& down) {
      clean = !down.reason || down.reason == caf::exit_reason::user_shutdown ||
              down.reason == caf::exit_reason::normal;
      if (!clean)
        observe::log(log_level::error, "supervisor-gave-up").field("detail", system.render(down.reason));
    });
    on_signal.unwatch((*world)->loop());
  }
  observe::log(log_level::info, "stopped").field("clean", clean);
  if (*telemetry) (*telemetry)->flush(on_signal.left_of(shared->settings->supervisor.drain_limit));
  shared.reset();
  telemetry->reset();
  world->reset();
  return clean ? 0 : 1;
}

}  // namespace mw
