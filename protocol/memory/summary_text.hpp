// Texts in place of a summary, declared here once: what the Python worker and this one store when none could
// be made, and what models write then. They never replace a summary, and never go into a prompt as one. Pure.
#pragma once

#include <string_view>

namespace mw::memory {

/// The text of a record for which no summary could be made; stored only where no summary exists.
inline constexpr std::string_view default_summary = "No summary could be made of this conversation yet.";

/// One that the Python worker stored when its LLM failed or the conversation was empty: reads as absent.
bool is_placeholder_summary(std::string_view summary);

enum class summary_fault : unsigned char {
  none,
  empty,        ///< nothing, or no letter: "", "...", "-"
  too_short,    ///< "x"
  placeholder,  ///< "N/A", "None", "No summary could be made", the Python worker's
  apology,      ///< "I'm sorry, but I can't help with that."
};
std::string_view to_string(summary_fault f);

/// What makes it worse than any summary. English, German, Spanish, French, Italian, Portuguese, Dutch,
/// Chinese, Japanese and Korean are known; a summary in another language passes, whatever it says.
summary_fault fault_of_summary(std::string_view summary);
inline bool says_nothing(std::string_view summary) {
  return fault_of_summary(summary) != summary_fault::none;
}

}  // namespace mw::memory
