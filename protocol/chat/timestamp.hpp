// A message's time as the chat application wrote it, and the instant that it means, read once (DESIGN 8,
// "Conversation"). Values; an unreadable text is kept and means no instant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/base/iso_time.hpp"

namespace mw::chat {

class timestamp {
 public:
  timestamp() = default;
  timestamp(std::string text) : text_(std::move(text)), at_(parse_iso_time(text_)) {}
  timestamp(std::string_view text) : timestamp(std::string{text}) {}
  timestamp(const char* text) : timestamp(std::string{text}) {}

  /// Empty where there is none.
  const std::string& text() const& { return text_; }
  std::string text() && { return std::move(text_); }
  const std::optional<wall_time>& at() const { return at_; }

 private:
  std::string text_;
  std::optional<wall_time> at_;
};

}  // namespace mw::chat
