// The word lists behind the stand-in's rules (English, German, Spanish, French): places, first names,
// subjects, feelings, relations. Words are given and compared folded (text.hpp). Constant data, no errors.
#pragma once

#include <optional>
#include <string_view>

namespace mw::standin {

/// The usual spelling of a known place ("san francisco" gives "San Francisco"); `folded` has one to three
/// words.
std::optional<std::string_view> place_named(std::string_view folded);
bool is_first_name(std::string_view folded);
/// "Dr", "Frau", "Señora": the next word is a person's name.
bool is_title(std::string_view folded);
/// The theme a word belongs to ("marathon" gives "running").
std::optional<std::string_view> theme_of(std::string_view folded);
/// "Sister" for "sister", "schwester", "hermana", "soeur"; nullopt: no relation.
std::optional<std::string_view> relation_of(std::string_view folded);
bool is_my(std::string_view folded);
/// +1, 0, -1
int feeling_of(std::string_view folded);
bool is_negation(std::string_view folded);
/// Too common to say what a text is about.
bool is_stop_word(std::string_view folded);
/// "really", "auch", "mucho": may stand inside a phrase without changing it.
bool is_filler(std::string_view folded);

}  // namespace mw::standin
