// supervisor: starts and watches the others, last stage first; restarts what ended, alone or together with
// what was started after it (strategy of the child's section). Tells every child where the others are. Runs
// the drain: stop intake, finish within the limit, give back the rest. Beyond the restart intensity it drains
// without the child that is gone (a dispatcher and a receiver are started a last time for it) and ends with
// an error, which ends the process non-zero. Monitors its children, never links them.
#pragma once

#include <array>
#include <functional>
#include <random>

#include "actors/interfaces.hpp"
#include "actors/restart_policy.hpp"
#include "actors/services.hpp"

namespace mw {

/// In the order of starting: consumers before producers.
enum class child_id : uint8_t { admin, writer, analyzer, loader, dispatcher, receiver };
inline constexpr size_t child_count = 6;
std::string_view to_string(child_id c);

/// main -> supervisor: drain and end normally.
using shutdown_atom = caf::atom_constant<caf::atom("shutdown")>;

struct supervisor_state {
  static constexpr const char* name = "supervisor";
  struct child {
    caf::actor handle;
    std::optional<restart_policy> policy;
    bool restart_pending = false;
  };
  std::shared_ptr<services> shared;
  std::array<child, child_count> children;
  std::mt19937_64 random;
  bool draining = false;
  bool stopping = false;
  bool last_dispatcher = false;     ///< started for the drain only
  bool last_receiver = false;       ///< beyond its restart intensity
  std::optional<flow::stage> gone;  ///< will not be started again; of several the last
  caf::error stop_reason = caf::exit_reason::user_shutdown;
  /// Makes a child; tests replace it.
  std::function<caf::actor(caf::event_based_actor*, child_id)> spawn;
};

caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self, std::shared_ptr<services> s);

}  // namespace mw
