#include "protocol/chat/said_times.hpp"

#include <algorithm>

namespace mw::chat {
namespace {

/// What a readable timestamp may be at most; nothing where no clock is known.
std::optional<wall_time> present(const clocks& k, bool up_to_event) {
  if (up_to_event && k.enqueued) return k.enqueued;
  if (k.now == wall_time{}) return std::nullopt;
  return std::max(k.now, k.enqueued.value_or(k.now));
}

wall_time believed(wall_time t, const std::optional<wall_time>& present) {
  return present && t > *present + clock_tolerance ? *present : t;
}

}  // namespace

std::vector<wall_time> said_times(const conversation& c, const cut& cut, const std::optional<watermark>& base,
                                  const clocks& clocks) {
  if (cut.fresh.empty()) return {};
  const size_t first = cut.fresh.front();
  const size_t beyond = first_beyond(c, base);
  const auto event = find_event_message(c, clocks.chat_message_id);
  std::vector<wall_time> said(c.messages.size() - first);
  std::optional<wall_time> next;
  for (size_t i = c.messages.size(); i-- > first;) {
    const auto& own = c.messages[i].timestamp.at();
    if (own) next = believed(*own, present(clocks, event && i <= *event));
    said[i - first] = own ? *next : std::min(clocks.unreadable, next.value_or(clocks.unreadable));
  }
  const auto covered = base ? parse_iso_time(base->timestamp) : std::nullopt;
  wall_time latest{};
  for (size_t i = first; i < c.messages.size(); ++i) {
    if (covered && i == std::max(beyond, first))
      latest = std::max(latest, believed(*covered, present(clocks, false)));
    latest = said[i - first] = std::max(said[i - first], latest);
  }
  return said;
}

}  // namespace mw::chat
