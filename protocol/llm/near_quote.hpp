// Whether a quote that stands nowhere in a message was taken from it all the same: a model that bends a verb
// or leaves out a word may quote exactly when it is asked once more, one that invents will not. Both texts
// folded (protocol/base/folding.hpp). Pure; linear in the message.
#pragma once

#include <string_view>

namespace mw::llm {

/// More than half of the quote's words, and at least two, are words of the message; where a quote has no
/// blanks (Chinese, Japanese, Thai), of its pairs of letters.
bool shares_most_words(std::string_view message, std::string_view quote);

}  // namespace mw::llm
