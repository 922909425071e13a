#include "protocol/memory/position.hpp"

#include "protocol/base/iso_time.hpp"

namespace mw::memory {

bool later(std::string_view a, std::string_view b) {
  const auto left = parse_iso_time(a);
  const auto right = parse_iso_time(b);
  return left && right && *left > *right;
}

std::optional<size_t> index_in(const std::vector<watermark>& span, const watermark& position) {
  for (size_t i = span.size(); i > 0; --i)
    if (span[i - 1].id == position.id) return i - 1;
  return std::nullopt;
}

bool after(const commit& c, const watermark& message, const watermark& limit) {
  if (message.id == limit.id) return false;
  const auto message_at = index_in(c.span, message);
  const auto limit_at = index_in(c.span, limit);
  if (message_at && limit_at) return *message_at > *limit_at;
  // All of the span lies after base, and base before all of it.
  if (c.base && message_at && limit.id == c.base->id) return true;
  if (c.base && limit_at && message.id == c.base->id) return false;
  return later(message.timestamp, limit.timestamp);
}

}  // namespace mw::memory
