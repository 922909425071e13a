// Whether this Redis takes keys of our own, over the life of the process and its connections. A write refused
// as no_memory (OOM, READONLY) or forbidden closes it; a while later, or on a new connection, one write tries
// again. Answers of writes are told to it; `changed` is called once for each way. Pure but for its mutex:
// time is a parameter. Any thread.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>

#include "protocol/base/errors.hpp"

namespace mw::redis {

class write_gate {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds retry_after{60};
  /// nullptr: writes are taken (again); else why not.
  using changed_fn = std::function<void(const failure* why)>;

  explicit write_gate(changed_fn changed = nullptr) : changed_(std::move(changed)) {}

  /// False: not now. A true while it is closed is the one try, whose answer must be told.
  bool may_write(time_point now);
  /// Our keys may be read; false only where even that is forbidden.
  bool may_read() const;
  bool is_open() const;
  void answered(const failure* error, time_point now);
  void new_connection();
  /// What a caller gets instead of a write.
  failure refusal() const;

 private:
  mutable std::mutex mutex_;
  changed_fn changed_;
  std::optional<failure> why_;  ///< empty: open
  time_point next_try_{};
};

}  // namespace mw::redis
