// The commit of one analysis (docs/design.md 4), as a value and as pure decisions. A store runs these
// decisions under its own compare-and-swap: our Memory API in one SQLite transaction, Cosmos or a foreign API
// as two conditional writes, profile first. Time is a parameter; nothing here does I/O.
#pragma once

#include <chrono>

#include "protocol/base/errors.hpp"
#include "protocol/memory/documents.hpp"

namespace mw::memory {

struct commit {
  std::string user_id;
  std::string session_id;
  uint64_t epoch = 0;            ///< profile epoch at load
  bool profile_existed = false;  ///< a profile document existed at load (vanished since: counts as forgotten)
  std::string forgotten_before;  ///< memory::forgotten_before(profile, session) at load (forget.hpp)
  /// memory::unsaid_at(profile, session) at load (unsaid.hpp); nothing: an older worker, which knows of none.
  std::optional<std::string> unsaid;
  std::optional<watermark> base;  ///< record's watermark at load; nullopt: there was no record
  watermark through;              ///< last message this analysis covers
  std::vector<watermark> span;    ///< the messages after base up to and including through, in order
  bool defaults = false;          ///< the analysis failed: summary fields only where no summary exists
  std::string summary;
  std::vector<std::string> themes;
  std::vector<std::string> persons;
  std::vector<std::string> places;
  sentiment user_sentiment = sentiment::neutral;
  std::vector<float> embedding;
  std::vector<operation> operations;
  std::vector<skipped_span> skipped;  ///< to be recorded
  std::vector<chat::message_span>
      retried;  ///< formerly skipped spans this analysis included: dropped from the record
  /// The summary is (a part of) one made anew; record.anew becomes `anew_to`. What was said up to `base` is
  /// not in `span`, so that none of it is applied twice.
  bool anew = false;
  std::optional<watermark> anew_to;
  bool keep_summary = false;  ///< move the watermark, leave the summary as it is
  std::string model;
  usage used;
};

enum class commit_outcome : uint8_t {
  stored,     ///< record and profile hold this analysis
  covered,    ///< the stored watermark is at or beyond ours: ours was discarded
  reload,     ///< the stored watermark is behind our base, or gone: load anew
  forgotten,  ///< another epoch, or the profile vanished: dropped, deliveries are completed
};
std::string_view to_string(commit_outcome o);
std::optional<commit_outcome> commit_outcome_from(std::string_view name);

struct profile_change {
  profile next;
  bool changed = false;  ///< false: no write is needed
  uint32_t applied = 0;
  uint32_t dropped = 0;   ///< evidence not newer, unknown item, duplicate, list full, or forgotten
  uint32_t outdated = 0;  ///< of these: newer evidence about the same item was there already
  uint32_t evicted = 0;   ///< items that gave way in a full list
};

/// Applies the operations whose evidence lies after both the record's watermark and applied[session] (or in a
/// retried span that `stored`, the current record, still lists; without `stored` the commit's word is taken),
/// merges duplicates (case and space folded), caps lists (max_items each) and items (max_item_bytes), sets
/// applied[session], never backwards. `current` may be an empty profile with no etag.
///
/// Item by item the newest evidence wins, whatever the order in which sessions are analysed
/// (evidence_order.hpp): operations run in the order of their evidence, and
/// - an item is there while something that was said for it is newer than all that removed or replaced it;
/// - a replacement says that the two exclude each other: it brings nothing where the replaced item was named
///   later, and what it brought goes when another session names the replaced item later, within
///   `late_evidence` (beyond it no conversation lives that could have come late);
/// - what is outdated in an operation is dropped, and leaves a mark, so that the other order ends alike.
/// Items without origin (the Python worker's) are older than all evidence. In a full list the item with the
/// oldest evidence gives way, be it the new one; it leaves no mark.
profile_change apply_to_profile(const profile& current, const commit& c, std::string_view now,
                                const record* stored = nullptr);

struct record_change {
  commit_outcome outcome = commit_outcome::stored;
  record next;                     ///< only with `stored`
  bool embedding_dropped = false;  ///< the summary changed, and the commit has none for the new one
};

/// The record rule of docs/design.md 4: stored through >= ours: covered; base <= stored < ours: written over;
/// stored < base or gone though it existed: reload. Lower-epoch records count as absent. Without a base, a
/// stored record whose watermark is not in our span is never written over (reload): it knows what we never
/// read. `current` is what empty_outdated() (unsaid.hpp) leaves of the stored one, and so is what is stored
/// of `next`: an older worker's summary of a session with a wish is not kept.
record_change apply_to_record(const std::optional<record>& current, const commit& c, std::string_view now);

/// nullopt: go on. `forgotten`: another epoch, or a profile that existed at load is gone. `reload`: this
/// session, or an item that came from it, was forgotten after the load (commit.forgotten_before or
/// commit.unsaid is older than the profile's).
std::optional<commit_outcome> check_epoch(const std::optional<profile>& current, const commit& c);

/// A record counts as absent where its epoch is below the profile's.
bool visible(const record& r, const std::optional<profile>& user);

/// Whether a summary that an analysis made is stored in this record (not the default text, nothing that
/// says nothing: summary_text.hpp).
bool has_summary(const record& r);

inline constexpr size_t max_items = 100;
inline constexpr size_t max_item_bytes = 500;
inline constexpr size_t max_origins = category_count * max_items;
/// Sessions remembered as an item's source, and replacements that brought it; the oldest gives way.
inline constexpr size_t max_origins_of_item = 3;
/// Marks of operations; the one with the oldest evidence gives way. Marks of "forget" have their own bound.
inline constexpr size_t max_marks = 200;
inline constexpr std::chrono::hours late_evidence{48};
/// Sessions in profile.applied. It matters only until the record's own watermark has followed.
inline constexpr size_t max_applied = 64;
inline constexpr size_t max_skipped = 50;
inline constexpr size_t max_forgotten = 1000;

}  // namespace mw::memory
