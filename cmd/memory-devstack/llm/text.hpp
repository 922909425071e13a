// Words and sentences of a chat message, for the stand-in's rules. A word keeps its place in the original
// text, so that a quote cut from it is literal; `folded` is lower case (ASCII, Latin letters with accents)
// with a typographic apostrophe made plain. Input is any bytes; nothing fails. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mw::standin {

struct word {
  size_t begin = 0;  ///< byte offset in the text
  size_t end = 0;
  std::string folded;
  bool capitalised = false;
};

/// Words: letters, digits, inner apostrophes and hyphens.
std::vector<word> words_of(std::string_view text);
/// Sentences (views into `text`), ended by . ! ? or a line break; the end mark belongs to the sentence.
std::vector<std::string_view> sentences_of(std::string_view text);
std::string fold(std::string_view text);
/// Whether `needle` occurs in `text` as whole words, both folded.
bool contains_words(std::string_view text, std::string_view needle);
/// Upper-cases the first letter (ASCII and two-byte Latin).
std::string capitalise(std::string_view text);

}  // namespace mw::standin
