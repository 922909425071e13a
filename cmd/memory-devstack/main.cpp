// memory-devstack: stand-ins for what memory-worker needs from a cloud, for development, demo and tests.
// Loopback only. One entry a subcommand; each has its own run_xxx(args) in its own folder.
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/memory-devstack/bus/run.hpp"
#include "cmd/memory-devstack/cosmos/run.hpp"
#include "cmd/memory-devstack/entra/run.hpp"
#include "cmd/memory-devstack/llm/run.hpp"
#include "cmd/memory-devstack/publish/run.hpp"
#include "protocol/io/open_files.hpp"

namespace {

struct subcommand {
  std::string_view name;
  std::string_view what;
  int (*run)(std::span<const std::string> args);
};

constexpr subcommand subcommands[] = {
    {"bus", "an in-memory broker that speaks the Service Bus dialect of AMQP", mw::devstack::run_bus},
    {"entra", "Entra and the identity endpoints of machines: issues tokens, strictly",
     mw::devstack::run_entra},
    {"llm", "an LLM endpoint that answers from rules, with fault knobs", mw::devstack::run_llm},
    {"cosmos", "a strict Cosmos DB account in memory, with fault knobs", mw::devstack::run_cosmos},
    {"publish", "conversations into Redis and their events on the topic, as the chat application does it",
     mw::devstack::run_publish},
};

void print_usage(std::FILE* to) {
  std::fputs("usage: memory-devstack SUBCOMMAND [OPTION...]   (SUBCOMMAND --help tells more)\n", to);
  for (const auto& s : subcommands) {
    std::fprintf(to, "  %-8.*s %.*s\n", static_cast<int>(s.name.size()), s.name.data(),
                 static_cast<int>(s.what.size()), s.what.data());
  }
}

}  // namespace

int main(int argc, char** argv) {
  mw::io::raise_open_files_limit();
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.empty() || args[0] == "--help" || args[0] == "-h") {
    print_usage(args.empty() ? stderr : stdout);
    return args.empty() ? 64 : 0;
  }
  for (const auto& s : subcommands) {
    if (args[0] == s.name) return s.run(std::span{args}.subspan(1));
  }
  std::fprintf(stderr, "memory-devstack: no subcommand '%s'\n", args[0].c_str());
  print_usage(stderr);
  return 64;
}
