#include "cmd/memory-devstack/cosmos/run.hpp"

#include <fmt/format.h>

#include <charconv>
#include <csignal>
#include <cstdio>

#include "cmd/memory-devstack/cosmos/service.hpp"
#include "protocol/cosmos/signing.hpp"

namespace mw::devstack {
namespace {

constexpr int exit_usage = 64;
constexpr int exit_unavailable = 69;
constexpr unsigned server_threads = 128;

constexpr std::string_view help_text =
    R"(usage: memory-devstack cosmos [--port N] [--key BASE64] [--database NAME] [--container NAME]...
                             [--audience AUD] [--clock-skew SECONDS] [--index-vectors]

A strict Cosmos DB account (SQL API over REST) for development and tests, on 127.0.0.1, in memory.

  --port N              0 (the default): any free one. Prints {"listening":PORT} on stdout when ready.
  --key BASE64          the master key; without it only Entra tokens are taken
  --audience AUD        the audience a token must have; default: any
  --database NAME       default memory_db
  --container NAME      may be repeated; default conversations and user-memories, both by /userId
  --clock-skew SECONDS  how far its clock is ahead
  --index-vectors       vector_embedding counts as indexed in the modelled charge

Faults: POST /_admin/faults {"clear":bool,"faults":[RULE...]}; DELETE removes them. RULE: {"kind":K,"on":OPERATION,
"container":NAME,"skip":N,"next":N,...}; kinds: answer {status, substatus, retry_after_ms}, lost-response (done,
then cut {cut_after}), cut {cut_after}, lag {behind}; operations: read, create, replace, delete, query, container.
Counters: GET /_admin/stats; DELETE resets them. The request charge is a model, not the service's.
)";

struct cosmos_options {
  uint16_t port = 0;
  int64_t skew = 0;
  bool help = false;
  bool own_containers = false;
  cosmos_standin::service_options service;
};

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_option(std::string_view name, const std::string& value, cosmos_options& o) {
  if (name == "--port") return read_number(value, o.port);
  if (name == "--clock-skew") return read_number(value, o.skew);
  if (name == "--audience") {
    o.service.who.audience = value;
  } else if (name == "--database") {
    o.service.database = value;
  } else if (name == "--container") {
    if (!o.own_containers) o.service.containers.clear();
    o.own_containers = true;
    o.service.containers.push_back(value);
  } else if (name == "--key") {
    auto key = cosmos::decode_key(value);
    if (key) o.service.who.key = std::move(*key);
    return key.has_value();
  } else {
    return false;
  }
  return true;
}

result<cosmos_options> parse(std::span<const std::string> args) {
  cosmos_options o;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& name = args[i];
    if (name == "--help" || name == "-h") {
      o.help = true;
      return o;
    }
    if (name == "--index-vectors") {
      o.service.index_vectors = true;
      continue;
    }
    if (i + 1 == args.size() || !read_option(name, args[i + 1], o))
      return fail(errc::misconfigured,
                  fmt::format("'{}' is no option, or has no such value; see --help", name));
    ++i;
  }
  return o;
}

}  // namespace

int run_cosmos(std::span<const std::string> args) {
  auto options = parse(args);
  if (!options) {
    fmt::print(stderr, "memory-devstack cosmos: {}\n", options.error().detail);
    return exit_usage;
  }
  if (options->help) {
    fmt::print("{}", help_text);
    return 0;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts, so that all inherit it
  options->service.now = [skew = std::chrono::seconds{options->skew}] {
    return std::chrono::system_clock::now() + skew;
  };
  cosmos_standin::service service{options->service};
  http::server_options where;
  where.port = options->port;
  where.threads = server_threads;
  auto server =
      http::server::start(where, [&service](const http::server_request& r) { return service.handle(r); });
  if (!server) {
    fmt::print(stderr, "memory-devstack cosmos: {}\n", server.error().detail);
    return exit_unavailable;
  }
  fmt::print("{{\"listening\":{}}}\n", (*server)->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

}  // namespace mw::devstack
