// The event that says an assistant message is complete (docs/design.md 8, "Event"). Read from an AMQP body
// (data section or string) by the receiver, made by the devstack's publisher. Unknown fields are ignored; ids
// are compared as bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"
#include "protocol/base/written_time.hpp"

namespace mw::chat {

struct completed_event {
  std::string session_id;
  std::string user_id;
  std::string chat_message_id;
  std::optional<wall_time> completed_at;  ///< absent or unreadable: no claim about the time
};

/// errc::invalid_event where the body is not a JSON object, an id is missing, empty, not a string or longer
/// than 512 bytes, or eventType is present and not "message_completed"; detail names the field.
/// A completedAt without a zone is `zone`'s.
result<completed_event> parse_event(std::string_view body, const naive_zone& zone = {});
std::string write_event(const completed_event& event);

}  // namespace mw::chat
