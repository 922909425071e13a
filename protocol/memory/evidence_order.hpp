// Which of two statements about an item is the newer one (docs/design.md 4): the time of the evidence
// decides, between equal times the message's place in its conversation, then the quote's place in the
// message, then the place in the answer; last the session, so that the order is total. Times that cannot be
// read are older than all.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "protocol/memory/commit.hpp"

namespace mw::memory {

struct stamp {
  int64_t time_us = INT64_MIN;
  quote_place place;
  std::string session_tag;
  auto operator<=>(const stamp&) const = default;  // NOLINT(modernize-use-nullptr): not one
};

std::string session_tag(std::string_view session_id);

stamp stamp_of(const item_origin& o);
stamp stamp_of(const item_mark& m);
/// Of the commit's operation number `nth`. Its time: `said`, else the message's own, else `now`.
stamp stamp_of(const commit& c, size_t nth, std::string_view now);

/// The mark for an item whose `what` at `when` must not be undone by older evidence.
item_mark mark_of(category in, std::string hash, const stamp& when, bool gone);
/// Adds the mark, or moves the item's mark of the same kind forward, never backward. True: something changed.
bool leave_mark(profile& p, item_mark m);

}  // namespace mw::memory
