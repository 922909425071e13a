#include "protocol/memory/forget.hpp"

#include <algorithm>

#include "protocol/memory/commit.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/position.hpp"

namespace mw::memory {
namespace {

const forgotten_mark* find_mark(const profile& p, std::string_view hash) {
  const auto it = std::find_if(p.forgotten.begin(), p.forgotten.end(),
                               [&](const forgotten_mark& m) { return m.hash == hash; });
  return it == p.forgotten.end() ? nullptr : &*it;
}

void leave_mark(profile& p, std::string hash, std::string time) {
  std::erase_if(p.forgotten, [&](const forgotten_mark& m) { return m.hash == hash; });
  p.forgotten.push_back({std::move(hash), std::move(time)});
  if (p.forgotten.size() > max_forgotten) p.forgotten.erase(p.forgotten.begin());
}

bool said_elsewhere(const profile& p, const item_origin& origin) {
  const std::string folded = fold_item(origin.item);
  return std::any_of(p.origins.begin(), p.origins.end(),
                     [&](const item_origin& o) { return o.in == origin.in && fold_item(o.item) == folded; });
}

void touch(profile& p, wall_time now) {
  p.timestamp = p.last_updated = format_iso_time(now);
  ++p.revision;
}

}  // namespace

profile forget_everything(const profile& current, wall_time now) {
  profile next;
  next.user_id = current.user_id;
  next.epoch = current.epoch + 1;
  next.forgotten_before = format_iso_time(now + forget_margin);
  next.revision = current.revision;
  next.etag = current.etag;
  // The tombstone outlives what was to expire.
  if (current.other_fields.contains("ttl")) next.other_fields.emplace("ttl", "-1");
  touch(next, now);
  return next;
}

partial_forget forget_session(const profile& current, std::string_view session_id, wall_time now) {
  partial_forget out{current, 0};
  profile& p = out.next;
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
  p.applied.erase(std::string{session_id});
  leave_mark(p, session_hash(session_id), format_iso_time(now + forget_margin));
  touch(p, now);
  return out;
}

partial_forget forget_item(const profile& current, category in, std::string_view item, wall_time now) {
  partial_forget out{current, 0};
  profile& p = out.next;
  const std::string folded = fold_item(item);
  auto& list = p.lists.at(static_cast<size_t>(in));
  out.removed = std::erase_if(list, [&](const std::string& text) { return fold_item(text) == folded; });
  std::erase_if(p.origins, [&](const item_origin& o) { return o.in == in && fold_item(o.item) == folded; });
  std::erase_if(p.last_operations, [&](const operation& o) {
    return fold_item(o.item) == folded || fold_item(o.replaces) == folded;
  });
  leave_mark(p, item_hash(item), format_iso_time(now + forget_margin));
  touch(p, now);
  return out;
}

std::string forgotten_before(const profile& p, std::string_view session_id) {
  const forgotten_mark* mark = p.forgotten.empty() ? nullptr : find_mark(p, session_hash(session_id));
  if (mark == nullptr) return p.forgotten_before;
  if (p.forgotten_before.empty()) return mark->time;
  return later(mark->time, p.forgotten_before) ? mark->time : p.forgotten_before;
}

bool may_return(const profile& p, std::string_view item, std::string_view evidence_timestamp) {
  if (p.forgotten.empty()) return true;
  const forgotten_mark* mark = find_mark(p, item_hash(item));
  return mark == nullptr || later(evidence_timestamp, mark->time);
}

}  // namespace mw::memory
