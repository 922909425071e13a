// JSON schemas of structured outputs: the check a real endpoint makes before it answers (the strict subset),
// and an answer that fits a schema, filled from what was found where a property's name says what it wants and
// with neutral values elsewhere. Errors: rejected, whose detail names the place in the schema. Pure.
#pragma once

#include <simdjson.h>

#include <string>

#include "cmd/memory-devstack/llm/transcript.hpp"
#include "protocol/base/errors.hpp"

namespace mw::standin {

/// Refuses what strict mode refuses: a root that is no object, a property missing from `required`, absent
/// additionalProperties:false, unsupported keywords, more than 100 properties or 5 levels, unresolvable $ref.
status check_strict_schema(simdjson::dom::element schema);

/// JSON text that satisfies a schema which passed the check. Properties summary, themes, persons, places,
/// user_sentiment and operations (with op, category, item, replaces, message, quote) get the findings.
std::string fill_schema(simdjson::dom::element schema, const transcript& t, const findings& f);

}  // namespace mw::standin
