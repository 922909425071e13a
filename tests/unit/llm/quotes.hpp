// Quotes as the worker takes them: by an operation of an answer.
#pragma once

#include <string>
#include <string_view>

#include "protocol/base/json_parser.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/chat/json_document.hpp"
#include "protocol/llm/evidence.hpp"

/// Whether a fact with this quote is taken, where the user wrote this one message.
inline bool takes_quote(std::string_view message, std::string_view quote) {
  mw::llm::analysis_input said;
  said.messages = {{mw::chat::role::user, std::string{message}, {"a", "2026-11-23T07:15:20Z"}}};
  std::string text;
  mw::json_writer w{text};
  w.begin_object().field("message", "m1").field("quote", quote);
  w.field("op", "add").field("category", "interests").field("item", "What was said").end_object();
  const mw::chat::json_document answer{text};
  mw::llm::analysis taken;
  mw::llm::read_operations(answer.root(), said, taken);
  return !taken.operations.empty();
}
