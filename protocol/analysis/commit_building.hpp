// From an answer, or from the lack of one, to the commit that is written (docs/design.md 4, 6), pure.
// llm_analyzer calls it.
#pragma once

#include "protocol/analysis/preparation.hpp"

namespace mw::analysis {

memory::commit commit_of(const loaded_conversation& c, llm::analysis a, const memory::usage& used,
                         std::string_view model);
/// The same, and takes the positions out of `c`; the rest of it stays.
memory::commit commit_of(loaded_conversation&& c, llm::analysis a, const memory::usage& used,
                         std::string_view model);

/// No usable answer: defaults, and the messages are recorded as skipped for `reason`; skipped_for::budget:
/// nothing was asked.
memory::commit commit_of_defaults(const loaded_conversation& c, std::string_view reason,
                                  const memory::usage& used, std::string_view model);

/// A part of the messages could not be analysed: they are recorded as skipped for `reason`, beside what the
/// other parts gave.
void record_missing(memory::commit& out, const loaded_conversation& c, std::string_view reason);

/// The store refuses this commit for ever: the watermark moves past it, and what it was about is given up; a
/// retried span that was asked about in part has an attempt more. Summary and profile stay as they are.
void mark_refused(memory::commit& c);

/// Identifies what was asked: job answers are kept under it, so that a changed conversation is asked anew.
uint64_t fingerprint(const loaded_conversation& c);

}  // namespace mw::analysis
