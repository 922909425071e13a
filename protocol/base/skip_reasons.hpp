// Why a part of a conversation is recorded as skipped: the words of the stored record, of /status and of the
// metrics' labels, declared here alone. The verdict table decides which errors end so
// (protocol/flow/verdict.cpp), analysis records the words, observe declares them as labels. Pure.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"

namespace mw {

namespace skipped_for {

/// Not asked about, since the day's tokens were spent; and so until its conversation left Redis.
inline constexpr std::string_view budget = "budget";
inline constexpr std::string_view budget_expired = "budget-expired";
/// Its conversation left Redis after it was skipped for another reason.
inline constexpr std::string_view expired = "expired";
/// The memory store refused what was to be stored of it.
inline constexpr std::string_view memory_rejected = "memory-rejected";

}  // namespace skipped_for

/// The LLM answered, but not what can be used.
inline constexpr std::array bad_answers{errc::invalid_answer, errc::truncated, errc::context_too_long,
                                        errc::refused, errc::content_filtered};

/// Of what is skipped for this error: a bad answer, or budget_exhausted.
std::string_view skip_reason(errc code);

/// All of them; and those for which a part is given up.
std::vector<std::string_view> skip_reasons();
std::vector<std::string_view> give_up_reasons();

}  // namespace mw
