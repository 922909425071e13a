#include "protocol/base/event_ids.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace mw {

namespace {
using lengths = std::array<uint16_t, 4>;
}

event_ids::event_ids(std::string_view user, std::string_view session, std::string_view chat_message,
                     std::string_view traceparent) {
  const std::array<std::string_view, 4> parts{user, session, chat_message, traceparent};
  lengths sizes{};
  size_t total = sizeof sizes;
  for (size_t i = 0; i < parts.size(); ++i) {
    sizes[i] = static_cast<uint16_t>(std::min<size_t>(parts[i].size(), UINT16_MAX));
    total += sizes[i];
  }
  auto block = std::make_shared<char[]>(total);
  std::memcpy(block.get(), sizes.data(), sizeof sizes);
  char* at = block.get() + sizeof sizes;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (sizes[i] > 0) std::memcpy(at, parts[i].data(), sizes[i]);
    at += sizes[i];
  }
  block_ = std::move(block);
}

std::string_view event_ids::part(int index) const {
  if (!block_) return {};
  lengths sizes{};
  std::memcpy(sizes.data(), block_.get(), sizeof sizes);
  const char* at = block_.get() + sizeof sizes;
  for (int i = 0; i < index; ++i) at += sizes[static_cast<size_t>(i)];
  return {at, sizes[static_cast<size_t>(index)]};
}

bool same_event(const event_ids& a, const event_ids& b) {
  return a.chat_message() == b.chat_message() && a.session() == b.session() && a.user() == b.user();
}

}  // namespace mw
