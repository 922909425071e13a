// What of a conversation and of the memory goes into a prompt, so that its size is bounded whatever they hold
// (docs/design.md 6): the profile's newest items, a title and a summary of bounded length, and of an
// assistant's long message, which is evidence of nothing, its beginning and its end. What the user said is
// never shortened: messages go in several calls, long ones in parts (message_parts.hpp). preparation.cpp
// calls it; pure.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "protocol/llm/analyst.hpp"
#include "protocol/memory/documents.hpp"

namespace mw::analysis {

inline constexpr size_t max_title_bytes = 300;
inline constexpr size_t max_previous_summary_bytes = 4'000;
/// Estimated tokens of all items; a full profile of short phrases fits.
inline constexpr uint32_t max_profile_tokens = 8'000;

enum class shortened : uint8_t { profile, title, summary, answer };
inline constexpr size_t shortened_kinds = 4;
std::string_view to_string(shortened s);
/// How often; of the profile: items left out.
using shortened_counts = std::array<uint32_t, shortened_kinds>;

/// The profile's lists, in their order; where they are too long without the items whose newest evidence is
/// oldest. Items without a known source are older than all evidence, and the later of two in a list newer.
std::array<std::vector<std::string>, memory::category_count> profile_in_prompt(const memory::profile& p,
                                                                               uint32_t max_tokens,
                                                                               shortened_counts& counts);
/// One line, without secrets.
std::string title_in_prompt(std::string_view title, shortened_counts& counts);
std::string summary_in_prompt(std::string_view summary, shortened_counts& counts);
/// The assistant's message where it is longer than half of `max_tokens`: beginning and end.
void shorten_answer(llm::prompt_message& m, uint32_t max_tokens, shortened_counts& counts);

}  // namespace mw::analysis
