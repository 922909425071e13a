// "Forget me" (DESIGN 5), as pure changes of the profile document. The caller (a store) writes the result and
// deletes the records in the same step. `now` is the instant of the wish; a margin for clock skew between the
// chat application and the store is added here, nowhere else.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/memory/documents.hpp"

namespace mw::memory {

/// Messages up to this long after the wish still count as said before it.
inline constexpr std::chrono::milliseconds forget_margin{2'000};

/// The tombstone: epoch + 1, forgotten_before, everything else of the user gone.
profile forget_everything(const profile& current, wall_time now);

struct partial_forget {
  profile next;
  size_t removed = 0;  ///< items taken out of the lists
};

/// Takes out every item that came from this session and no other, its position and the undo material; leaves
/// a mark, so that only messages after `now` bring the session back. The caller deletes the record.
partial_forget forget_session(const profile& current, std::string_view session_id, wall_time now);

/// Takes the item (compared folded) out of the category, with its origin and undo material; leaves a mark, so
/// that only evidence after `now` brings it back.
partial_forget forget_item(const profile& current, category in, std::string_view item, wall_time now);

/// Messages of this session up to this instant (ISO) must not be analysed again; empty: no limit. The loader
/// hands it to chat::cut_request and into commit.forgotten_before.
std::string forgotten_before(const profile& p, std::string_view session_id);

/// Whether evidence of that timestamp may bring a forgotten item back (true where it never was forgotten).
bool may_return(const profile& p, std::string_view item, std::string_view evidence_timestamp);

}  // namespace mw::memory
