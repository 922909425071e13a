// From the model's text to a validated analysis. Nothing a model says is taken on trust: every operation must
// name one of the fresh messages, written by the user, and quote it (docs/design.md 1.4); what fails is
// dropped and counted. Texts are cleaned (one line, no control or direction-changing characters), counts and
// lengths are enforced. Quotes are compared folded (protocol/base/folding.hpp), and may be shortened by an
// ellipsis (quoted_place.hpp). Where a server does not enforce the schema, the last whole analysis of the
// text is taken, whatever thoughts, drafts and echoes stand before it and whatever wraps it, and its fields
// are mended one by one (answer_fields.hpp): no list is worth the whole answer. Pure.
#pragma once

#include <string>
#include <string_view>

#include "protocol/base/json_parser.hpp"
#include "protocol/llm/analyst.hpp"

namespace mw::llm {

inline constexpr size_t max_themes = 5;
inline constexpr size_t max_names = 20;                                 ///< persons, places
inline constexpr size_t max_operations = 50;                            ///< more count as malformed
inline constexpr size_t max_operations_looked_at = 4 * max_operations;  ///< the rest counts so unread
inline constexpr size_t max_name_bytes = 120;
inline constexpr size_t max_operation_item_bytes = 300;
inline constexpr size_t max_summary_bytes = 2'000;

/// invalid_answer where no object has a summary and at least one other field of the schema, or where one more
/// begins behind the last and is cut off; the detail fits into a repair request (no conversation text).
result<analysis> read_analysis(std::string_view content, const analysis_input& input);

/// The operations of an analysis: a list, one in place of a list, or a list as JSON in a text. What fails is
/// dropped and counted in `out`.
void read_operations(const simdjson::dom::element& value, const analysis_input& input, analysis& out);

}  // namespace mw::llm
