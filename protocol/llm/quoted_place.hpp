// Where a quote stands in a message, both folded (protocol/base/folding.hpp). Models put a quote into
// quotation marks, end it with a full stop or an ellipsis, and shorten it in the middle ("I breed ... geese",
// "[...]"): then all its parts must be found, in their order, and what was left out must not deny ("do not",
// "nie"). They leave out a clause without a mark too ("I breed, when I can, geese"): one, between signs,
// inside one sentence. Pure; linear in the message, whatever the two hold: both come from outside.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mw::llm {

std::optional<size_t> find_piece(std::string_view text, std::string_view piece);

/// Where the folded quote begins. `folded_text` gives the folded message where it is needed. Nothing, or a
/// single letter of a longer text, is no quote.
std::optional<size_t> place_of_folded(std::string_view quote,
                                      const std::function<const std::string&()>& folded_text);

}  // namespace mw::llm
