#include "protocol/memory/forget.hpp"

#include <algorithm>

#include "protocol/memory/commit.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/position.hpp"
#include "protocol/memory/unsaid.hpp"

namespace mw::memory {
namespace {

const forgotten_mark* find_session_mark(const profile& p, std::string_view hash) {
  const auto it = std::find_if(p.forgotten.begin(), p.forgotten.end(),
                               [&](const forgotten_mark& m) { return m.hash == hash; });
  return it == p.forgotten.end() ? nullptr : &*it;
}

void leave_mark(profile& p, std::string hash, std::string time, unsigned folding = 1) {
  std::erase_if(p.forgotten, [&](const forgotten_mark& m) { return m.hash == hash; });
  p.forgotten.push_back({std::move(hash), std::move(time), folding});
  if (p.forgotten.size() > max_forgotten) p.forgotten.erase(p.forgotten.begin());
}

bool said_elsewhere(const profile& p, const item_origin& origin) {
  const std::string folded = fold_item(origin.item);
  return std::any_of(p.origins.begin(), p.origins.end(),
                     [&](const item_origin& o) { return o.in == origin.in && fold_item(o.item) == folded; });
}

/// Whether the profile knows of the session's messages beyond the record's position.
bool applied_beyond(const profile& p, const std::string& session_id, const watermark& record) {
  const auto applied = p.applied.find(session_id);
  return applied != p.applied.end() && later(applied->second.timestamp, record.timestamp);
}

void keep_position(profile& p, std::string_view session_id, const watermark& through, wall_time analysed,
                   wall_time now) {
  if (now - analysed > position_kept) return;
  const std::string hash = session_hash(session_id);
  std::erase_if(p.positions, [&](const forgotten_position& at) { return at.session_hash == hash; });
  p.positions.push_back({hash, through, format_iso_time(analysed)});
}

/// Those analysed last are kept.
void drop_old_positions(profile& p, wall_time now) {
  const std::string oldest = format_iso_time(now - position_kept);
  std::erase_if(p.positions, [&](const forgotten_position& at) { return later(oldest, at.analysed); });
  if (p.positions.size() <= max_positions) return;
  std::stable_sort(
      p.positions.begin(), p.positions.end(),
      [](const forgotten_position& a, const forgotten_position& b) { return later(b.analysed, a.analysed); });
  p.positions.erase(p.positions.begin(), p.positions.end() - static_cast<std::ptrdiff_t>(max_positions));
}

/// Whether the profile held the item before.
bool was_known(const profile& p, std::string_view item) {
  const item_marks marks = marks_of(item);
  return std::any_of(p.marks.begin(), p.marks.end(),
                     [&](const item_mark& m) { return marks.has(m.hash, m.folding); });
}

void touch(profile& p, wall_time now) {
  p.timestamp = p.last_updated = format_iso_time(now);
  ++p.revision;
}

}  // namespace

std::vector<session_position> positions_of(const std::vector<record>& records, uint64_t epoch) {
  std::vector<session_position> out;
  for (const record& r : records)
    if (r.through && r.epoch >= epoch) out.push_back({r.session_id, *r.through, r.timestamp});
  return out;
}

profile forget_everything(const profile& current, const std::vector<session_position>& records,
                          wall_time now) {
  profile next;
  next.user_id = current.user_id;
  next.epoch = current.epoch + 1;
  next.forgotten_before = format_iso_time(now);
  next.revision = current.revision;
  next.etag = current.etag;
  // The tombstone outlives what was to expire.
  if (current.other_fields.contains("ttl")) next.other_fields.emplace("ttl", "-1");
  next.positions = current.positions;
  for (const auto& [session, through] : current.applied) keep_position(next, session, through, now, now);
  for (const auto& r : records) {
    const auto analysed = parse_iso_time(r.analysed).value_or(now);
    if (!applied_beyond(current, r.session_id, r.through))
      keep_position(next, r.session_id, r.through, analysed, now);
  }
  drop_old_positions(next, now);
  touch(next, now);
  return next;
}

partial_forget forget_session(const profile& current, std::string_view session_id,
                              const std::optional<watermark>& record, wall_time now) {
  partial_forget out{current, 0};
  profile& p = out.next;
  const std::string session{session_id};
  if (const auto applied = current.applied.find(session); applied != current.applied.end())
    keep_position(p, session, applied->second, now, now);
  if (record && !applied_beyond(current, session, *record)) keep_position(p, session, *record, now, now);
  drop_old_positions(p, now);
  std::erase_if(p.origins, [&](const item_origin& o) { return o.session_id == session_id; });
  for (const item_origin& origin : current.origins) {
    if (origin.session_id != session_id || said_elsewhere(p, origin)) continue;
    auto& list = p.lists.at(static_cast<size_t>(origin.in));
    const size_t i = find_item(list, origin.item);
    if (i == list.size()) continue;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
    ++out.removed;
  }
  p.last_operations.clear();
  p.applied.erase(session);
  leave_mark(p, session_hash(session_id), format_iso_time(now));
  touch(p, now);
  return out;
}

partial_forget forget_item(const profile& current, category in, std::string_view item, wall_time now,
                           const std::vector<record>& records) {
  partial_forget out{current, 0};
  profile& p = out.next;
  const std::string folded = fold_item(item);
  const auto is_it = [&](const std::string& text) { return fold_item(text) == folded; };
  out.removed = std::erase_if(p.lists.at(static_cast<size_t>(in)), is_it);
  // One fact is one item: what an older version stored of it in other lists goes with it.
  for (auto& list : p.lists) std::erase_if(list, is_it);
  std::erase_if(p.origins, [&](const item_origin& o) { return is_it(o.item); });
  std::erase_if(p.last_operations, [&](const operation& o) { return is_it(o.item) || is_it(o.replaces); });
  const std::string until = format_iso_time(now);
  const item_marks marks = hashes_of(item);
  // Any text can be asked for: what the profile never knew empties nothing.
  const bool knew = out.removed > 0 || was_known(current, item);
  out.sessions = unsay_item(p, current, item, knew ? records : std::vector<record>{}, now);
  // The other one is for a worker of an older version, during an update or after it was undone.
  if (!marks.first.empty()) leave_mark(p, marks.first, until);
  leave_mark(p, marks.now, until, folding_version);
  touch(p, now);
  return out;
}

std::string forgotten_before(const profile& p, std::string_view session_id) {
  const forgotten_mark* mark = p.forgotten.empty() ? nullptr : find_session_mark(p, session_hash(session_id));
  if (mark == nullptr) return p.forgotten_before;
  if (p.forgotten_before.empty()) return mark->time;
  return later(mark->time, p.forgotten_before) ? mark->time : p.forgotten_before;
}

std::optional<watermark> forgotten_through(const profile& p, std::string_view session_id) {
  if (p.positions.empty()) return std::nullopt;
  const std::string hash = session_hash(session_id);
  const auto at = std::find_if(p.positions.begin(), p.positions.end(),
                               [&](const forgotten_position& known) { return known.session_hash == hash; });
  return at == p.positions.end() ? std::nullopt : std::optional{at->through};
}

bool may_return(const profile& p, std::string_view item, std::string_view evidence_timestamp) {
  if (p.forgotten.empty()) return true;
  const item_marks marks = hashes_of(item);
  return std::none_of(p.forgotten.begin(), p.forgotten.end(), [&](const forgotten_mark& m) {
    return marks.has(m.hash, m.folding) && !later(evidence_timestamp, m.time);
  });
}

}  // namespace mw::memory
