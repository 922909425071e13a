// What forgetting one item does beyond the lists (docs/design.md 5): the summaries that may tell it are
// emptied, and the messages that it was said in are shown to no LLM again. The profile keeps a bounded list
// of both by hash; a record keeps up to which wish it was made. So the profile alone says what is due: a
// record, a commit or a saved answer that is older than the session's latest wish counts as emptied, or is
// made again, wherever a crash came in between. Pure; `session_id` and message ids are compared by their
// hashes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/memory/commit.hpp"

namespace mw::memory {

/// Messages and sessions remembered; the oldest gives way. Without an age: a conversation that is talked in
/// stays in Redis.
inline constexpr size_t max_unsaid = 300;

/// The instant of the last wish that reached this session's summary; empty: there was none.
std::string unsaid_at(const profile& p, std::string_view session_id);
/// Whether what was made at `made` (unsaid_at() then) does not know of the wish `wished`.
bool is_before(const std::string& made, const std::string& wished);

/// For each of the messages, which come in order as {id, whether it is the user's}, whether it is left out:
/// an item was said in it, or it answers one directly. Empty: none is.
struct said_message {
  std::string_view id;
  bool of_user = false;
};
std::vector<bool> left_out(const profile& p, std::string_view session_id,
                           const std::vector<said_message>& messages);

/// A record that was made before the session's last wish is emptied: the default text, no themes, persons,
/// places and embedding; watermark, skipped spans, usage and foreign fields stay. Its summary is made anew
/// with the next event, unless nobody knows in which messages the item was said. True: it was emptied.
bool empty_outdated(record& r, const std::optional<profile>& user);

/// Whether the summary, or what was taken from it, holds the item as whole words (both folded).
bool tells(const record& r, std::string_view item);

/// The sessions that the item came from, or was replaced in, and those of `records` that tell it: into
/// p.unsaid. What came from a message is of the origins in `known`. Returns the sessions' ids.
std::vector<std::string> unsay_item(profile& p, const profile& known, std::string_view item,
                                    const std::vector<record>& records, wall_time now);

/// The commit names a forgotten item, with nothing newer than the wish: its summary may tell it, too. The
/// profile that leaves its messages out from now on; nothing: it names none. The caller stores it instead of
/// the commit (reload), or, where an older worker sent the commit, with it: the record is emptied then.
std::optional<profile> unsay(const profile& current, const commit& c, std::string_view now);

}  // namespace mw::memory
