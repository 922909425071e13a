// What a conversation is about, by rules: themes, named persons (neither user nor assistant), places, the
// user's feeling, and a one-paragraph summary. Deterministic; pure.
#pragma once

#include "cmd/memory-devstack/llm/transcript.hpp"

namespace mw::standin {

/// Everything the stand-in finds, the profile operations included.
findings analyse(const transcript& t);

}  // namespace mw::standin
