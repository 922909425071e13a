// A message's time as the chat application wrote it, and the instant that it means, read once (docs/design.md
// 8, "Conversation"). The text is ISO-8601 wherever there is an instant, since it is stored and compared
// later. Values; an unreadable text is kept and means no instant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/base/written_time.hpp"

namespace mw::chat {

class timestamp {
 public:
  timestamp() = default;
  /// Without a zone it is UTC.
  timestamp(std::string text) : text_(std::move(text)), at_(parse_iso_time(text_)) {}
  timestamp(std::string_view text) : timestamp(std::string{text}) {}
  timestamp(const char* text) : timestamp(std::string{text}) {}
  timestamp(std::string_view written, const naive_zone& zone) : text_(written) {
    const auto iso = parse_iso_time(text_);
    at_ = iso && zone.is_utc() ? iso : read_written_time(written, zone);
    if (at_ && iso != at_) text_ = format_iso_time(*at_);
  }
  explicit timestamp(wall_time at) : text_(format_iso_time(at)), at_(at) {}

  /// Empty where there is none.
  const std::string& text() const& { return text_; }
  std::string text() && { return std::move(text_); }
  const std::optional<wall_time>& at() const { return at_; }

 private:
  std::string text_;
  std::optional<wall_time> at_;
};

}  // namespace mw::chat
