// When the messages that count as evidence were said, as instants that can be compared across conversations
// (docs/design.md 4, "newest evidence wins"). A message's own timestamp counts, by the broker's clock
// (clocks::said). The order of the list is the truth, so that no message is older than one before it. A
// timestamp that cannot be read is the event's enqueued time, though no later than the next one that can be
// read. None is later than the event came (or, behind the event's message, than the present): what a
// redelivery says again is no newer for it. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "protocol/chat/window_cut.hpp"

namespace mw::chat {

/// One for each message from the first fresh one to the conversation's end. `base` is the stored watermark:
/// what lies behind it is no older. Before take_watermarks(), which takes the timestamps away.
std::vector<wall_time> said_times(const conversation& c, const cut& cut, const std::optional<watermark>& base,
                                  const clocks& clocks);

}  // namespace mw::chat
