// "Forget me" (docs/design.md 5), as pure changes of the profile document. The caller (a store) writes the
// result and deletes the records in the same step. `now` is the instant of the wish. The chat's clock decides
// nothing that can be known otherwise: the position of each session at the wish is kept as long as its
// conversation may still be in Redis (chat/window_cut.hpp says how both are used).
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/memory/documents.hpp"

namespace mw::memory {

/// Positions are kept of sessions that were analysed this recently, of the latest so many: a chat keeps a
/// conversation for a day.
inline constexpr std::chrono::hours position_kept{72};
inline constexpr size_t max_positions = 200;

/// How far a session was analysed at the wish.
struct session_position {
  std::string session_id;
  watermark through;
  std::string analysed;  ///< ISO instant, the record's timestamp
};

/// Of the records that are visible in this epoch.
std::vector<session_position> positions_of(const std::vector<record>& records, uint64_t epoch);

/// The tombstone: epoch + 1, forgotten_before, the positions, everything else of the user gone. `records` are
/// the user's that are deleted with it.
profile forget_everything(const profile& current, const std::vector<session_position>& records,
                          wall_time now);

struct partial_forget {
  profile next;
  size_t removed = 0;  ///< items taken out of the lists
  /// forget_item: the sessions whose records are emptied with it (empty_outdated() of unsaid.hpp).
  std::vector<std::string> sessions{};
};

/// Takes out every item that came from this session and no other, its position and the undo material; leaves
/// a mark, so that only messages after `now` bring the session back, and beyond `record`'s position where
/// there is one. The caller deletes the record.
partial_forget forget_session(const profile& current, std::string_view session_id,
                              const std::optional<watermark>& record, wall_time now);

/// Takes the item (compared folded) out of the category, with its origin and undo material; leaves a mark, so
/// that only evidence after `now` brings it back. The messages that it was said in are left out from then on
/// (unsaid.hpp). `records` are the user's; those that tell an item that the profile knew are reached, too.
partial_forget forget_item(const profile& current, category in, std::string_view item, wall_time now,
                           const std::vector<record>& records = {});

/// Messages of this session up to this instant (ISO) must not be analysed again; empty: no limit. The loader
/// hands it to chat::cut_request and into commit.forgotten_before.
std::string forgotten_before(const profile& p, std::string_view session_id);

/// The session's position at the last wish that it is known of.
std::optional<watermark> forgotten_through(const profile& p, std::string_view session_id);

/// Whether evidence of that timestamp may bring a forgotten item back (true where it never was forgotten).
bool may_return(const profile& p, std::string_view item, std::string_view evidence_timestamp);

}  // namespace mw::memory
