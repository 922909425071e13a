// Where messages lie relative to each other when only a commit's span is at hand (docs/design.md 3,
// "Watermark"): the position in the span decides; outside it a later timestamp is later, an equal or missing
// one is not.
#pragma once

#include <optional>
#include <string_view>

#include "protocol/memory/commit.hpp"

namespace mw::memory {

/// Both are instants and `a` is strictly later than `b`.
bool later(std::string_view a, std::string_view b);

/// Index in the span of the message with that id (the last one, if an id occurs twice).
std::optional<size_t> index_in(const std::vector<watermark>& span, const watermark& position);

/// Whether `message` lies after `limit`, both being messages of the commit's session.
bool after(const commit& c, const watermark& message, const watermark& limit);

}  // namespace mw::memory
