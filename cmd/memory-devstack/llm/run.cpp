#include "cmd/memory-devstack/llm/run.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>

#include "cmd/memory-devstack/llm/service.hpp"
#include "cmd/memory-devstack/stop.hpp"

namespace mw::devstack {
namespace {

constexpr int exit_usage = 64;
constexpr int exit_unavailable = 69;
constexpr unsigned server_threads = 256;  // a waiting answer holds a thread

constexpr std::string_view help_text =
    R"(usage: memory-devstack llm [--port N] [--api-key KEY] [--latency-median-ms M] [--latency-sigma S] [--seed N]
                          [--list-calls on]

An LLM endpoint for development and tests, on 127.0.0.1. Answers come from rules over the conversation in the
request, in the schema the request asks for. It speaks /v1/..., /openai/v1/... and /openai/deployments/NAME/...
(chat/completions and embeddings) and refuses what the real services refuse.

  --port N               0 (the default): any free one. Prints {"listening":PORT} on stdout when ready.
  --api-key KEY          the only key accepted; without it any key is, but there must be one
  --latency-median-ms M  lognormal latency of answers; default 0
  --latency-sigma S      of its logarithm; default 0
  --seed N               of latency and fault rates
  --list-calls on        GET /_admin/calls?from=N lists the calls from that number on, with hashes of their messages

Faults: POST /_admin/faults {"clear":bool,"latency_median_ms":M,"latency_sigma":S,"faults":[RULE...]}; GET shows
them, DELETE removes them. RULE: {"kind":K, "next":N | "rate":P, "trigger":WORD, "embeddings":bool, ...} applies to
the next N requests, to a share P, or to all; with a trigger only to prompts that contain the word. Kinds:
  throttle {retry_after_ms}   error {status}          hang {hang_ms}        cut {cut_after}     malformed_body
  malformed_json              schema_violation        wrong_quote           refusal             prompt_filter
  output_filter               length                  unauthorized          empty_words
  unsupported_parameter {param}, while it is sent     context_length {above_tokens}, while it is longer
Counters: GET /_admin/stats; DELETE resets them. Conversations are told apart by their title.
)";

struct llm_options {
  uint16_t port = 0;
  bool help = false;
  standin::service_options service;
};

template <class T>
bool parse_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

/// False where the option is unknown or the value no such number.
bool read_option(std::string_view name, std::string_view value, llm_options& o) {
  if (name == "--port") return parse_number(value, o.port);
  if (name == "--seed") return parse_number(value, o.service.seed);
  if (name == "--latency-median-ms")
    return parse_number(value, o.service.latency_median_ms) && o.service.latency_median_ms >= 0;
  if (name == "--latency-sigma")
    return parse_number(value, o.service.latency_sigma) && o.service.latency_sigma >= 0;
  if (name == "--list-calls") {
    o.service.list_calls = value == "on";
    return value == "on" || value == "off";
  }
  if (name != "--api-key") return false;
  o.service.api_key = value;
  return true;
}

result<llm_options> parse_options(std::span<const std::string> args) {
  llm_options o;
  for (size_t i = 0; i < args.size(); ++i) {
    std::string_view name = args[i];
    if (name == "--help" || name == "-h") {
      o.help = true;
      return o;
    }
    const size_t equals = name.find('=');
    std::string_view value;
    if (equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    } else if (++i < args.size()) {
      value = args[i];
    } else {
      return fail(errc::misconfigured, fmt::format("{} needs a value, or is unknown; see --help", name));
    }
    if (!read_option(name, value, o))
      return fail(errc::misconfigured,
                  fmt::format("'{}' is no option, or '{}' no value for it; see --help", name, value));
  }
  return o;
}

}  // namespace

int run_llm(std::span<const std::string> args) {
  const auto options = parse_options(args);
  if (!options) {
    fmt::print(stderr, "memory-devstack llm: {}\n", options.error().detail);
    return exit_usage;
  }
  if (options->help) {
    fmt::print("{}", help_text);
    return 0;
  }
  const auto signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts, so that all inherit it
  stop_gate gate;
  standin::service service{options->service, [&gate](std::chrono::milliseconds t) { return gate.wait(t); },
                           [] {
                             return std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                 .count();
                           }};
  http::server_options where;
  where.port = options->port;
  where.threads = server_threads;
  auto server =
      http::server::start(where, [&service](const http::server_request& r) { return service.handle(r); });
  if (!server) {
    fmt::print(stderr, "memory-devstack llm: {}\n", server.error().detail);
    return exit_unavailable;
  }
  fmt::print("{{\"listening\":{}}}\n", (*server)->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  gate.stop();
  return 0;
}

}  // namespace mw::devstack
