#include "protocol/chat/said_times.hpp"

#include <algorithm>

namespace mw::chat {
namespace {

wall_time believed(wall_time t, const std::optional<wall_time>& latest) {
  return latest && t > *latest ? *latest : t;
}

}  // namespace

std::vector<wall_time> said_times(const conversation& c, const cut& cut, const std::optional<watermark>& base,
                                  const clocks& clocks) {
  if (cut.fresh.empty()) return {};
  const size_t first = cut.fresh.front();
  const size_t beyond = first_beyond(c, base, clocks);
  const auto event = find_event_message(c, clocks.chat_message_id);
  std::vector<wall_time> said(c.messages.size() - first);
  const wall_time unreadable = clocks.of_unreadable();
  std::optional<wall_time> next;
  for (size_t i = c.messages.size(); i-- > first;) {
    const auto& own = c.messages[i].timestamp.at();
    if (own) next = believed(clocks.said(*own), clocks.latest(event && i <= *event));
    said[i - first] = own ? *next : std::min(unreadable, next.value_or(unreadable));
  }
  const auto covered = base ? parse_iso_time(base->timestamp) : std::nullopt;
  wall_time latest{};
  for (size_t i = first; i < c.messages.size(); ++i) {
    if (covered && i == std::max(beyond, first))
      latest = std::max(latest, believed(clocks.said(*covered), clocks.latest(false)));
    latest = said[i - first] = std::max(said[i - first], latest);
  }
  return said;
}

}  // namespace mw::chat
