// One text is one text: what is compared of items, quotes, searches and forget marks. Two texts with the same
// fold are spellings of one text: composed or decomposed, full-width or plain, ligatures or letters, upper or
// lower case (sharp s is ss; dotted and dotless i are i), typographic or plain quotation marks, apostrophes,
// hyphens, ellipses, brackets and full stops, and any white space. Accents are kept, they carry meaning.
// Invisible characters and bytes that are not UTF-8 make no difference of their own. By Unicode's tables
// (utf8proc); text of ASCII alone never reaches them. Pure, and linear in the text.
#pragma once

#include <string>
#include <string_view>

namespace mw {

std::string fold_text(std::string_view text);

/// The same for an item of a list: a full stop or ellipsis at its end makes no difference either.
std::string fold_item_text(std::string_view text);

/// The same as fold_text() for search, where people leave out marks: accents of Latin, Greek and Cyrillic,
/// vowel signs of Hebrew and Arabic, vowel and tone signs of Thai, Lao and Khmer that stand above or below.
std::string fold_for_search(std::string_view text);

/// The folded text without full stops and blanks at its end; all of it where nothing else is left.
std::string_view without_full_stop(std::string_view folded);

}  // namespace mw
