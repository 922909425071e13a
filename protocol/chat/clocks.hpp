// Whose clock says what: the chat application writes when a message was said, the broker when the event came
// (and a redelivery keeps that), we when we look. The broker's and ours are believed. The chat's is ahead by
// at least what an event's completedAt lies beyond its enqueued time. Pure values.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "protocol/base/iso_time.hpp"

namespace mw::chat {

/// Clocks that differ by no more are taken for equal.
inline constexpr std::chrono::seconds clock_noise{2};
/// How long an event may be on its way: by so much more may a clock that is ahead be ahead.
inline constexpr std::chrono::seconds longest_way{1};

struct clocks {
  std::string_view chat_message_id;       ///< of the job's event
  std::optional<wall_time> enqueued;      ///< that event's, by the broker's clock
  std::optional<wall_time> completed_at;  ///< that event's, by the chat's clock
  wall_time now{};                        ///< zero: unknown

  /// When a message was said that says so of itself, by the broker's clock or earlier: a clock that is ahead
  /// delays learning, it never makes the past look new.
  wall_time said(wall_time written) const {
    return ahead() ? written - (*completed_at - *enqueued) - longest_way : written;
  }
  /// By how much said() may be too early.
  std::chrono::microseconds uncertain() const {
    return ahead() ? std::chrono::microseconds{longest_way} : std::chrono::microseconds{0};
  }
  bool ahead() const { return enqueued && completed_at && *completed_at > *enqueued + clock_noise; }

  /// The latest instant at which a message up to the event's (`up_to_event`), or behind it, can have been
  /// said; nothing where no clock knows.
  std::optional<wall_time> latest(bool up_to_event) const {
    if (up_to_event && enqueued) return enqueued;
    if (now == wall_time{}) return std::nullopt;
    return enqueued && *enqueued > now ? *enqueued : now;
  }

  /// Of a message whose time cannot be read.
  wall_time of_unreadable() const { return enqueued.value_or(completed_at.value_or(now)); }
};

}  // namespace mw::chat
