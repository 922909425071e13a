// Finds JSON objects in a model's text: the whole text, or, where a server does not enforce the format, what
// stands between prose and code fences. Pure; looks at brackets and strings only, so that a candidate may
// still be bad JSON.
#pragma once

#include <string_view>
#include <vector>

namespace mw::llm {

/// Balanced {...} pieces that lie in no other one, in order, at most 16.
std::vector<std::string_view> json_objects_in(std::string_view text);

}  // namespace mw::llm
