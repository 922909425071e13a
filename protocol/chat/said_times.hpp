// When the messages that count as evidence were said, as instants that can be compared across conversations
// (DESIGN 4, "newest evidence wins"). A message's own timestamp counts. The order of the list is the truth,
// so that no message is older than one before it. A timestamp that cannot be read is the event's enqueued
// time, though no later than the next one that can be read; one that lies in the future of the broker's clock
// (of ours, behind the event's message) is a wrong clock's and counts as the present. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "protocol/chat/window_cut.hpp"

namespace mw::chat {

/// How far a chat application's clock may be ahead before it counts as wrong.
inline constexpr std::chrono::minutes clock_tolerance{2};

struct clocks {
  std::string_view chat_message_id;   ///< of the job's event
  std::optional<wall_time> enqueued;  ///< that event's, by the broker's clock
  wall_time unreadable{};             ///< of a message whose timestamp cannot be read
  wall_time now{};                    ///< zero: unknown
};

/// One for each message from the first fresh one to the conversation's end. `base` is the stored watermark:
/// what lies behind it is no older. Before take_watermarks(), which takes the timestamps away.
std::vector<wall_time> said_times(const conversation& c, const cut& cut, const std::optional<watermark>& base,
                                  const clocks& clocks);

}  // namespace mw::chat
