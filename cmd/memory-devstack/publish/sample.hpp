// A sample conversation file and what the chat application would have made of it, turn by turn. File: a JSON
// object {"userId","sessionId","title"?,"language"?,"messages":[{"role","text"}]}; an optional system message
// first, then user and assistant in turns. Errors: misconfigured, detail names the field. Pure; ids and times
// are parameters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"
#include "protocol/base/iso_time.hpp"

namespace mw::publish {

struct turn {
  std::string user_text;
  std::string assistant_text;
};

struct sample {
  std::string user_id;
  std::string session_id;
  std::string title;  ///< empty: null, as before the chat application has made one
  std::string system_text;
  std::vector<turn> turns;
};

result<sample> parse_sample(std::string_view json);

/// A turn that has happened.
struct stamp {
  std::string chat_message_id;
  wall_time at;
};

/// The conversation as stored after as many turns as there are stamps (at least one): the value of
/// `session:{sessionId}`. Message ids `{chatMessageId}_system` (first turn only), `_user`, `_assistant`.
std::string conversation_json(const sample& s, const std::vector<stamp>& stamps);

struct bus_message {
  std::string message_id;  ///< {chatMessageId}_completed
  std::string session_id;
  std::string body;
};
bus_message completed_message(const sample& s, const stamp& last);

}  // namespace mw::publish
