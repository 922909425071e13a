// JSON logs, one object a line on stderr: time (ISO-8601, UTC), level, event, what set_common() gave, then
// the statement's fields (session, message, trace, ...). A statement is written when it ends:
//   observe::log(log_level::info, "window-closed").field("session", id).field("events", n);
// Thread-safe; a line is one write(). Below the set level a statement costs a comparison. Repeated warnings
// and errors are limited per event name; the last line before the silence carries "limited":true, the first
// one after it "suppressed":N. Callers never pass conversation text or secrets: this file cannot know.
// Event and field names are literals of the code, in kebab-case and snake_case. Never fails: what cannot be
// written is dropped. Field values are cut at max_field_bytes.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "protocol/base/errors.hpp"
#include "protocol/base/iso_time.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/log_level.hpp"

namespace mw::observe {

using level = log_level;
std::string_view to_string(level l);

inline constexpr size_t max_field_bytes = 2048;

class logger;

/// One statement; written when it goes out of scope, mostly at the end of its full expression. Every method
/// may be called on a filtered one.
class log_line {
 public:
  log_line(logger* target, level l, std::string_view event);
  ~log_line();
  log_line(const log_line&) = delete;
  log_line& operator=(const log_line&) = delete;

  log_line& field(std::string_view name, std::string_view text);
  log_line& field(std::string_view name, const char* text) { return field(name, std::string_view{text}); }
  log_line& field(std::string_view name, const std::string& text) {
    return field(name, std::string_view{text});
  }
  /// Numbers and booleans.
  template <class T>
  requires std::is_arithmetic_v<T> log_line& field(std::string_view name, T number) {
    if (target_ == nullptr) return *this;
    if constexpr (std::is_same_v<T, bool>)
      writer_.key(name).value(number);
    else if constexpr (std::is_floating_point_v<T>)
      writer_.key(name).value(static_cast<double>(number));
    else if constexpr (std::is_signed_v<T>)
      writer_.key(name).value(static_cast<int64_t>(number));
    else
      writer_.key(name).value(static_cast<uint64_t>(number));
    return *this;
  }
  /// Milliseconds; name it `..._ms`.
  log_line& field(std::string_view name, std::chrono::milliseconds t) { return field(name, t.count()); }
  /// error (the code), from (who) and detail.
  log_line& failed(const failure& f);

 private:
  logger* target_;  ///< nullptr: filtered
  level level_;
  std::string text_;
  json_writer writer_{text_};
};

struct logger_options {
  level least = level::info;
  /// Gets whole lines, '\n' included, one at a time; empty: stderr.
  std::function<void(std::string_view line)> sink;
  std::function<wall_time()> now;  ///< empty: the system's clock
  uint32_t repeats = 20;           ///< warnings and errors of one event name within `period`
  std::chrono::seconds period{10};
};

class logger {
 public:
  explicit logger(logger_options options);
  log_line log(level l, std::string_view event) { return {enabled(l) ? this : nullptr, l, event}; }
  bool enabled(level l) const { return l >= least_.load(std::memory_order_relaxed); }
  void set_level(level l) { least_.store(l, std::memory_order_relaxed); }
  /// Fields of every later line, as node and service; set once at start.
  void set_common(const std::vector<std::pair<std::string, std::string>>& fields);
  void set_sink(std::function<void(std::string_view line)> sink);
  /// Also gets every line of warning and above, '\n' included, one at a time; must not log. Empty: nobody.
  void set_tap(std::function<void(std::string_view line)> tap);
  /// Lines kept back by the limit so far.
  uint64_t suppressed() const { return suppressed_.load(std::memory_order_relaxed); }

 private:
  friend class log_line;
  struct permit {
    bool last = false;        ///< the next ones will be kept back
    uint64_t suppressed = 0;  ///< kept back before this one
  };
  struct repeats {
    wall_time since;
    uint32_t written = 0;
    uint64_t suppressed = 0;
  };
  std::optional<permit> admit(level l, std::string_view event);
  std::string head(level l, std::string_view event);
  void write(level l, std::string_view line);

  const logger_options options_;
  std::atomic<level> least_;
  std::atomic<uint64_t> suppressed_{0};
  std::mutex mutex_;
  std::function<void(std::string_view)> sink_;
  std::function<void(std::string_view)> tap_;
  std::string common_;  ///< ,"node":"..." ready to be pasted
  std::map<std::string, repeats, std::less<>> repeated_;
};

/// The process's logger: stderr, info; main sets level and common fields.
logger& process_logger();
inline log_line log(level l, std::string_view event) {
  return process_logger().log(l, event);
}

}  // namespace mw::observe
