// The prompt's text. The fixed part (instructions, examples, schema) is byte-identical for every user and
// long enough for the provider's prompt cache; what is the user's follows in one message of role user, one
// JSON object a line, so that no text of a conversation can pose as a turn or as an instruction:
//   {"profile":{CATEGORY:[ITEM,...],...}}   only categories that have items; {} where the profile is empty
//   {"previous_summary":TEXT}               only where there is one
//   {"title":TEXT}                          only where there is one
//   {"n":"m3","role":"user","new":true,"text":TEXT}   in order; m1 is analysis_input.messages[0]; with
//                                          "part":"2 of 5" behind it where the text is a part of its message
// Messages of other roles than user and assistant keep their number and are left out. Pure.
#pragma once

#include <string>

#include "protocol/llm/analyst.hpp"

namespace mw::llm {

/// The system message.
const std::string& instructions();
/// The user message.
std::string conversation_lines(const analysis_input& input);
/// The same as the inside of a JSON string, where the request wants it.
void append_conversation_lines(std::string& out, const analysis_input& input);
/// About how many bytes that takes; no upper bound.
size_t estimated_size(const analysis_input& input);
/// The user message of a repair call.
std::string repair_request(std::string_view reason);
/// The user message of a call that asks for exact quotes, of the operations of these numbers (from 1 on).
std::string quotes_request(const std::vector<uint32_t>& operations);
/// Spreads users over a few keys, so that one key stays below the provider's rate for cached prefixes.
std::string cache_key(std::string_view user_id);

}  // namespace mw::llm
