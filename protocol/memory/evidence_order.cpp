#include "protocol/memory/evidence_order.hpp"

#include <algorithm>

#include "protocol/base/iso_time.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/position.hpp"

namespace mw::memory {
namespace {

int64_t microseconds_of(std::string_view time) {
  const auto t = parse_iso_time(time);
  return t ? t->time_since_epoch().count() : INT64_MIN;
}

}  // namespace

std::string session_tag(std::string_view session_id) {
  return session_hash(session_id).substr(0, 8);
}

stamp stamp_of(const item_origin& o) {
  return {microseconds_of(o.time), o.place, session_tag(o.session_id)};
}

stamp stamp_of(const item_mark& m) {
  return {microseconds_of(m.time), m.place, m.session_tag};
}

stamp stamp_of(const commit& c, size_t nth, std::string_view now) {
  const operation& op = c.operations[nth];
  stamp s{microseconds_of(op.said), op.place, session_tag(c.session_id)};
  s.place.nth = static_cast<uint32_t>(nth);
  if (s.time_us != INT64_MIN) return s;
  s.time_us = microseconds_of(op.evidence.timestamp);
  if (s.time_us == INT64_MIN) s.time_us = microseconds_of(now);
  if (s.place.message != 0) return s;
  // A commit of an older worker: it has no more than the message.
  if (const auto at = index_in(c.span, op.evidence)) s.place.message = static_cast<uint32_t>(*at + 1);
  return s;
}

item_mark mark_of(category in, std::string hash, const stamp& when, bool gone) {
  std::string time;
  if (when.time_us != INT64_MIN) time = format_iso_time(wall_time{std::chrono::microseconds{when.time_us}});
  return {in, std::move(hash), std::move(time), when.place, when.session_tag, gone, folding_version};
}

bool leave_mark(profile& p, item_mark m) {
  const auto older = [](const item_mark& a, const item_mark& b) { return stamp_of(a) < stamp_of(b); };
  const auto old = std::find_if(p.marks.begin(), p.marks.end(), [&](const item_mark& o) {
    return o.gone == m.gone && o.in == m.in && o.hash == m.hash;
  });
  if (old != p.marks.end()) {
    if (!older(*old, m)) return false;
    *old = std::move(m);
    return true;
  }
  if (p.marks.size() >= max_marks) {
    const auto oldest = std::min_element(p.marks.begin(), p.marks.end(), older);
    if (older(m, *oldest)) return false;
    p.marks.erase(oldest);
  }
  p.marks.push_back(std::move(m));
  return true;
}

}  // namespace mw::memory
