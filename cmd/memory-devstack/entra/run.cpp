#include "cmd/memory-devstack/entra/run.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <ctime>

#include "cmd/memory-devstack/entra/service.hpp"
#include "cmd/memory-devstack/stop.hpp"
#include "cmd/memory-devstack/tls/front.hpp"

namespace mw::devstack {
namespace {

constexpr int exit_usage = 64;
constexpr int exit_unavailable = 69;
constexpr unsigned server_threads = 32;  // a hanging answer holds a thread

constexpr std::string_view help_text =
    R"(usage: memory-devstack entra [OPTION VALUE]...

Entra's token endpoint and a machine's identity endpoints for development and tests, on 127.0.0.1. It refuses what
the real ones refuse, with their status codes and AADSTS errors.

  POST /{tenant}/oauth2/v2.0/token          AZURE_AUTHORITY_HOST=http://127.0.0.1:PORT
  GET  /msi/token                           IDENTITY_ENDPOINT=http://127.0.0.1:PORT/msi/token
  GET  /metadata/identity/oauth2/token      AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:PORT

  --port N                  0 (the default): any free one. Prints {"listening":PORT} on stdout when ready.
  --tenant ID --client-id ID --client-secret S --object-id ID    the one identity it knows
  --identity-header H       what X-IDENTITY-HEADER must say
  --jwt-key K               tokens are signed with it (HS256); give it to the fakes that verify them
  --federated-key K         client assertions must be signed with it (HS256); without it they are refused
  --federated-subject S     their subject
  --resource URI            a resource it knows beside Azure's own; may be repeated
  --token-life-s N          how long its tokens live (default 3600)
  --tls-cert F --tls-key F  PEM files: HTTPS instead of HTTP

Faults: POST /_admin/faults {"clear":bool,"faults":[{"kind":K,"grant":G,"next":N,...}]}; GET shows the counters,
DELETE removes them. Kinds: error {status}, throttle {retry_after_s}, hang {hang_ms}, bad_json, wrong_audience.
Grants: client_secret, client_assertion, app_service, imds; default: any. next: how many requests; default: all.
POST /_admin/settings {"client_secret"?,"token_life_s"?}. Counters: GET /_admin/stats; DELETE resets them.
)";

struct command_line {
  uint16_t port = 0;
  std::string tls_cert;
  std::string tls_key;
  bool help = false;
  entra_options entra;
};

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

/// False where the option is unknown or the value makes no sense.
bool read_option(std::string_view name, const std::string& value, command_line& o) {
  const std::pair<std::string_view, std::string*> texts[] = {
      {"--tenant", &o.entra.tenant},
      {"--client-id", &o.entra.client_id},
      {"--client-secret", &o.entra.client_secret},
      {"--object-id", &o.entra.object_id},
      {"--identity-header", &o.entra.identity_header},
      {"--jwt-key", &o.entra.jwt_key},
      {"--federated-key", &o.entra.federated_key},
      {"--federated-subject", &o.entra.federated_subject},
      {"--tls-cert", &o.tls_cert},
      {"--tls-key", &o.tls_key},
  };
  for (const auto& [known, field] : texts)
    if (name == known) {
      *field = value;
      return !value.empty();
    }
  if (name == "--port") return read_number(value, o.port);
  if (name == "--token-life-s") return read_number(value, o.entra.token_life_s) && o.entra.token_life_s > 0;
  if (name != "--resource") return false;
  o.entra.resources.push_back(value);
  return !value.empty();
}

result<command_line> parse(std::span<const std::string> args) {
  command_line o;
  for (size_t i = 0; i < args.size(); ++i) {
    std::string name = args[i];
    if (name == "--help" || name == "-h") {
      o.help = true;
      return o;
    }
    std::string value;
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (++i < args.size()) {
      value = args[i];
    } else {
      return fail(errc::misconfigured, fmt::format("{} needs a value, or is unknown; see --help", name));
    }
    if (!read_option(name, value, o))
      return fail(errc::misconfigured,
                  fmt::format("'{}' is no option, or its value makes no sense; see --help", name));
  }
  if (o.tls_cert.empty() != o.tls_key.empty())
    return fail(errc::misconfigured, "--tls-cert and --tls-key go together");
  return o;
}

int unavailable(const failure& why) {
  fmt::print(stderr, "memory-devstack entra: {}\n", why.detail);
  return exit_unavailable;
}

}  // namespace

int run_entra(std::span<const std::string> args) {
  const auto options = parse(args);
  if (!options) {
    fmt::print(stderr, "memory-devstack entra: {}\n", options.error().detail);
    return exit_usage;
  }
  if (options->help) {
    fmt::print("{}", help_text);
    return 0;
  }
  const auto signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts, so that all inherit it
  stop_gate gate;
  entra_service service{options->entra, [&gate](std::chrono::milliseconds t) { return gate.wait(t); },
                        [] { return static_cast<int64_t>(std::time(nullptr)); }};
  http::server_options where;
  const bool tls = !options->tls_cert.empty();
  where.port = tls ? 0 : options->port;
  where.threads = server_threads;
  auto server =
      http::server::start(where, [&service](const http::server_request& r) { return service.handle(r); });
  if (!server) return unavailable(server.error());
  std::unique_ptr<tls_front> front;
  if (tls) {
    auto started = tls_front::start(options->port, (*server)->port(), options->tls_cert, options->tls_key);
    if (!started) return unavailable(started.error());
    front = std::move(*started);
  }
  fmt::print("{{\"listening\":{}}}\n", tls ? front->port() : (*server)->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  gate.stop();
  return 0;
}

}  // namespace mw::devstack
