// The shape of an analysis, as the strict subset of JSON schema that LLM endpoints enforce: every property
// required, additionalProperties false everywhere, no counts and no lengths (code enforces those,
// evidence.hpp). An operation's evidence comes before its text, so that a model commits to the quote first.
#pragma once

#include <string>

namespace mw::llm {

/// JSON text, made once.
const std::string& analysis_schema();

}  // namespace mw::llm
