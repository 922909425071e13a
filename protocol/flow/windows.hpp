// The windows (docs/design.md 3): one per (user, session), holding one delivery; a newer event of the same
// conversation covers the older one. Pure: the caller brings the time. An open window closes when the
// conversation has been quiet, at max-age, at max-events, at max-tokens, or at once when its delivery was
// delivered before; a closed one waits as `ready` for its user's turn and still takes newer events. Only one
// that was closed by quiet may be opened again. Not thread-safe. Every call costs O(log n) and what it
// returns, but flush() and all(). About 300 bytes a window beside the shared ids.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protocol/flow/job.hpp"

namespace mw::flow {

struct window_policy {
  duration quiet = std::chrono::seconds{60};  ///< 0: every event closes its window at once
  duration max_age = std::chrono::minutes{10};
  uint32_t max_events = 200;
  uint32_t max_tokens = 60'000;     ///< estimated tokens waiting in one window; 0: no limit
  uint32_t tokens_per_event = 300;  ///< the estimate: a question and its answer
  size_t user_windows = SIZE_MAX;   ///< a user's windows beyond so many close at once
};

/// Why a window is ready. Everything but quiet is a reason to analyse it now.
enum class closed_by : uint8_t { quiet, age, events, tokens, flush, room, redelivery };

/// One delivered event, as the dispatcher gets it.
struct arrival {
  int64_t sequence_number = 0;
  uint32_t delivery_count = 0;
  event_ids ids;
  int64_t completed_at_ms = 0;  ///< epoch ms, 0 unknown
  duration since_completed{};   ///< how long ago the event says it was completed; 0 where unknown
  int64_t enqueued_ms = 0;      ///< epoch ms by the broker's clock, 0 unknown
};

struct window {
  event_ids ids;
  int64_t sequence_number = 0;
  int64_t completed_at_ms = 0;
  int64_t enqueued_ms = 0;
  time_point opened;
  time_point due;
  time_point waiting_since;  ///< when it became ready; for the hold limit
  uint32_t events = 0;
  uint32_t delivery_count = 0;
  bool ready = false;
  closed_by closed = closed_by::quiet;  ///< while open: quiet
  /// Where the dispatcher has queued it. Kept here: what decided it (the delivery count) may change
  /// meanwhile.
  enum class queue : uint8_t { none, turn, suspects } in = queue::none;
};

class windows {
 public:
  explicit windows(window_policy policy) : policy_(policy) {}

  struct added {
    const window* in = nullptr;
    int64_t covered = -1;  ///< sequence number of the delivery that is now covered (maybe the new one), or -1
    bool closed = false;   ///< the window became ready by this event
  };
  /// A new event, or the redelivery of the one the window holds (it covers nothing and closes the window).
  added add(const arrival& a, time_point now);

  /// Windows whose time has come, oldest first; they become ready.
  std::vector<const window*> close_due(time_point now);
  /// The `n` windows that have been open longest become ready: room is short.
  std::vector<const window*> close_oldest(size_t n, time_point now);
  /// Everything of a user (session empty), of one conversation, or all (both empty) becomes ready.
  std::vector<const window*> flush(std::string_view user, std::string_view session, time_point now);
  /// Takes the window out of the table: its job starts, or it is given back.
  window take(const window* w);
  /// Whether a window that was closed may be opened again because its conversation is not quiet. The one
  /// predicate: what says no here is analysed as it is.
  bool may_wait(const window& w, time_point now) const;
  /// Opens it again for `delay` (the conversation is not quiet), within max-age of `opened`. Where events
  /// after it have opened a window meanwhile, the two become one.
  added reopen(const window& w, duration delay, time_point now);
  void queued(const window* w, window::queue in);
  /// The delivery it holds is gone from the bus: whatever comes next is newer.
  void detach(const window* w);
  /// Open windows close no later than the new policy would close one that was talked in just now.
  void set_policy(window_policy policy, time_point now);
  const window_policy& policy() const { return policy_; }

  const window* find(std::string_view user, std::string_view session) const;
  std::optional<time_point> next_due() const;
  size_t size() const { return table_.size(); }
  size_t open() const { return due_.size(); }
  /// Ready windows that have waited since `t` or longer, longest first.
  std::vector<const window*> ready_since(time_point t) const;
  /// All windows, in no order.
  std::vector<const window*> all() const;

 private:
  struct key_hash {
    using is_transparent = void;
    size_t operator()(const window& w) const { return hash(w.ids.user(), w.ids.session()); }
    size_t operator()(const std::pair<std::string_view, std::string_view>& k) const {
      return hash(k.first, k.second);
    }
    static size_t hash(std::string_view user, std::string_view session) {
      return std::hash<std::string_view>{}(session)*31 + std::hash<std::string_view>{}(user);
    }
  };
  struct key_equal {
    using is_transparent = void;
    static std::pair<std::string_view, std::string_view> key(const window& w) {
      return {w.ids.user(), w.ids.session()};
    }
    static std::pair<std::string_view, std::string_view> key(
        const std::pair<std::string_view, std::string_view>& k) {
      return k;
    }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return key(a) == key(b);
    }
  };
  std::optional<closed_by> reason_to_close(const window& w, time_point now) const;
  bool close_or_open(window& w, time_point due, time_point now);
  void open_until(window& w, time_point due);
  void leave_open(window& w);
  void make_ready(window& w, closed_by why, time_point now);
  void count_user(const window& w, int by);

  using by_time = std::set<std::pair<time_point, window*>>;
  window_policy policy_;
  std::unordered_set<window, key_hash, key_equal>
      table_;                                     // nodes are stable: pointers stay valid until take()
  by_time due_;                                   // open windows
  by_time opened_;                                // the same, by age
  by_time waiting_;                               // ready windows, by when they became ready
  std::unordered_map<size_t, uint32_t> of_user_;  // windows by the user's hash: two users rarely share a part
};

}  // namespace mw::flow
