// The statements the stand-in recognises ("my name is", "ich arbeite als", "me gusta"): a phrase, the profile
// category it belongs to and how the remembered item is worded. Matching is on folded words; "really", "auch"
// and the like may stand inside a phrase. Constant data and pure functions, no errors.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/memory-devstack/llm/text.hpp"

namespace mw::standin {

struct phrase {
  std::vector<std::string> words;
  std::string_view category;
  std::string_view lead;  ///< the item is this followed by the object: "Likes " + "hiking"
  bool many = false;      ///< the object may be a list: "tea, cake and long walks" is three items
  bool single = false;    ///< a person has only one of these: a new one replaces the old one
};

/// A command about memory rather than a statement.
enum class command_kind { forget, no_longer };
struct command_phrase {
  std::vector<std::string> words;
  command_kind kind;
};

/// One past the last word of the phrase when it starts at word `at`; nullopt: it does not.
std::optional<size_t> match_phrase(const std::vector<word>& words, size_t at,
                                   const std::vector<std::string>& phrase);
/// Longest phrases first.
const std::vector<phrase>& statement_phrases();
const std::vector<command_phrase>& command_phrases();

}  // namespace mw::standin
