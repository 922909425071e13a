// Turns what the user said in a transcript into profile operations: adds, replacements of things a person has
// only one of (name, home, work), corrections, and removals the user asked for. Only fresh messages of the
// user are evidence; context and the profile only say what is known already. Pure and deterministic.
#pragma once

#include <vector>

#include "cmd/memory-devstack/llm/transcript.hpp"

namespace mw::standin {

std::vector<found_operation> find_operations(const transcript& t);

}  // namespace mw::standin
