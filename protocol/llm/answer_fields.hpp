// The fields of an answer as models write them where no schema is enforced: names, words and lists of another
// shape are mended one by one, so that one of them never costs the answer. Nothing is invented: what says
// nothing reads as absent. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/json_parser.hpp"
#include "protocol/memory/documents.hpp"

namespace mw::llm {

/// The field of that name in the schema; else one that is named so in another letter case, with blanks or
/// hyphens, or by a usual other word ("people", "topics", "action").
std::optional<simdjson::dom::element> field_of(const simdjson::dom::object& o, std::string_view name);

/// A text; a list of texts joined by a blank; of an object its name, text or value. Empty for anything else.
std::string text_in(const simdjson::dom::element& e);
/// A list of texts, of objects with a name, or of names in one text ("Ines, Bo"); the names of an object's
/// fields where it has no name. Empty for null, "none" and anything else.
std::vector<std::string> names_in(const simdjson::dom::element& e);

std::optional<memory::op_kind> op_in(std::string_view word);
std::optional<memory::category> category_in(std::string_view word);
/// neutral where the word says neither.
memory::sentiment sentiment_in(std::string_view word);
/// The numbers of "m3", "M3", 3, "#3", "message 3", "m3, m5" or a list of such, at most 8.
std::vector<size_t> message_numbers_in(const simdjson::dom::element& e);

/// It has a summary and at least one other field of an analysis.
bool is_analysis(const simdjson::dom::object& o);
/// A line of the conversation as the prompt shows it.
bool is_echoed_line(const simdjson::dom::object& o);

}  // namespace mw::llm
