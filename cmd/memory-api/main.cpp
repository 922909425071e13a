#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "cmd/memory-api/cosmos_store.hpp"
#include "cmd/memory-api/entra.hpp"
#include "cmd/memory-api/log.hpp"
#include "cmd/memory-api/options.hpp"
#include "cmd/memory-api/service.hpp"
#include "cmd/memory-api/sqlite_store.hpp"
#include "cmd/memory-api/version.hpp"
#include "protocol/io/open_files.hpp"

namespace {

constexpr int exit_configuration = 78;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

int refuse(const mw::failure& f) {
  std::fprintf(stderr, "memory-api: %s\n", f.detail.c_str());
  return exit_configuration;
}

mw::wall_time now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

/// Blocks the stopping signals for all threads to come, so that wait_for_stop() gets them.
sigset_t block_stop_signals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  return stop;
}

/// Returns at the first signal; a second one ends the process at once.
int wait_for_stop(const sigset_t& stop) {
  int signal = 0;
  while (sigwait(&stop, &signal) != 0) continue;
  static_cast<void>(std::signal(SIGTERM, SIG_DFL));
  static_cast<void>(std::signal(SIGINT, SIG_DFL));
  pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
  return signal;
}

mw::result<std::unique_ptr<mw::api::document_store>> open_store(const mw::api::options& o,
                                                                const mw::api::entra* identity) {
  using opened = std::unique_ptr<mw::api::document_store>;
  if (o.store == mw::api::store_kind::sqlite) {
    auto store = mw::api::sqlite_store::open(o.data, mw::api::log{o.level});
    return store ? mw::result<opened>{opened{std::move(*store)}} : store.error();
  }
  mw::cosmos::store_options c;
  c.account.endpoint = o.cosmos.endpoint;
  c.account.database = o.cosmos.database;
  c.account.key = o.cosmos.key;
  if (identity) c.account.tokens = identity->tokens();
  c.account.seed = static_cast<uint64_t>(getpid());
  c.names = {o.cosmos.conversations, o.cosmos.user_memories};
  auto store = mw::api::cosmos_store::open(std::move(c));
  return store ? mw::result<opened>{opened{std::move(*store)}} : store.error();
}

int serve(const mw::api::options& o) {
  const mw::api::log log{o.level};
  for (const auto& name : o.trimmed)
    log.write(mw::log_level::info, "variable-trimmed",
              {{"variable", name}, {"detail", "blanks, a line break or quotes stood round its value"}});
  const sigset_t stop = block_stop_signals();
  std::optional<mw::api::entra> identity;
  if (o.store == mw::api::store_kind::cosmos && o.cosmos.key.empty()) identity.emplace(o.entra, log);
  auto store = open_store(o, identity ? &*identity : nullptr);
  if (!store) return refuse(store.error());
  const mw::api::service service{**store, log, {o.token, o.cors_origins, now}};
  mw::http::server_options listen;
  listen.bind = o.bind;
  listen.port = o.port;
  listen.threads = o.threads;
  listen.on_handler_error = [&log](std::string_view what) {
    log.write(mw::log_level::error, "handler-threw", {{"what", what}});
  };
  auto server = mw::http::server::start(
      listen, [&service](const mw::http::server_request& r) { return service.handle(r); });
  if (!server) return refuse(server.error());
  if (o.token.empty() && !mw::api::is_loopback(o.bind))
    log.write(mw::log_level::warning, "no-authentication",
              {{"bind", o.bind},
               {"advice",
                "anybody who reaches this address reads and deletes every memory: set MEMORY_API_TOKEN"}});
  const std::string port = std::to_string((*server)->port());
  log.write(mw::log_level::info, "started",
            {{"port", port},
             {"store", o.store == mw::api::store_kind::cosmos ? "cosmos" : "sqlite"},
             {"data", o.store == mw::api::store_kind::cosmos ? o.cosmos.endpoint : o.data},
             {"auth", o.token.empty() ? "none" : "token"}});
  std::printf("{\"listening\":%s}\n", port.c_str());
  std::fflush(stdout);
  const int signal = wait_for_stop(stop);
  log.write(mw::log_level::info, "stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  mw::io::raise_open_files_limit();
  const auto options = mw::api::read_options({argv + 1, argv + argc}, environment);
  if (!options) return refuse(options.error());
  if (options->help) {
    std::fputs(std::string{mw::api::usage_text()}.c_str(), stdout);
    return 0;
  }
  if (options->version) {
    std::printf("memory-api %s\n", mw::api::version);
    return 0;
  }
  return serve(*options);
}
