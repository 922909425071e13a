// The board on which actors publish how they are: the parts of /health/ready (bus, redis, llm, memory and
// whatever else is set) and plain facts of /status. Thread-safe; set() of an unchanged state is cheap and
// keeps `since`. Ready means: every required part was set, and no part is starting, down or stopping.
// Details are words for people: no secret, no conversation text.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/iso_time.hpp"
#include "protocol/base/json_writer.hpp"

namespace mw::observe {

/// degraded: works, with less than it should (ready all the same).
enum class state : uint8_t { starting, ok, degraded, down, stopping };
std::string_view to_string(state s);

/// The parts `run` needs, by the names of docs/design.md 2.
inline const std::vector<std::string> required_parts{"bus", "redis", "llm", "memory"};

struct board_options {
  std::string service;
  std::string node;
  std::string version;
  std::vector<std::string> required = required_parts;  ///< `starting` until set
  std::function<wall_time()> now;                      ///< empty: the system's clock
};

class status_board {
 public:
  explicit status_board(board_options options);
  void set(std::string_view part, state s, std::string_view detail);
  /// A part that is no more (an actor that ended for good); a required one is `starting` again.
  void remove(std::string_view part);
  void fact(std::string_view name, std::string_view text);
  void fact(std::string_view name, const char* text) { fact(name, std::string_view{text}); }
  void fact(std::string_view name, const std::string& text) { fact(name, std::string_view{text}); }
  void fact(std::string_view name, double number);
  /// `json` is a complete JSON value.
  void list(std::string_view name, std::string json);

  bool ready() const;
  struct readiness {
    bool ready = false;
    std::string json;
  };
  /// {"ready":false,"parts":{"redis":{"state":"down","detail":"...","since":"..."},...}}
  readiness report() const;
  /// The same and service, node, version, started, uptime_s, facts, and the lists under their own names.
  std::string status_json() const;

 private:
  struct part_state {
    state now = state::starting;
    std::string detail;
    wall_time since;
  };
  wall_time clock() const;
  bool ready_locked() const;
  void write_parts(json_writer& w) const;

  const board_options options_;
  const wall_time started_;
  mutable std::mutex mutex_;
  std::map<std::string, part_state, std::less<>> parts_;
  std::map<std::string, std::variant<std::string, double>, std::less<>> facts_;
  std::map<std::string, std::string, std::less<>> lists_;
};

}  // namespace mw::observe
