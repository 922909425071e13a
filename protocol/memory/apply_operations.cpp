// apply_to_profile of commit.hpp.
#include <algorithm>

#include "protocol/base/deliberate_fault.hpp"
#include "protocol/base/iso_time.hpp"
#include "protocol/memory/commit.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/position.hpp"
#include "protocol/memory/profile_editor.hpp"

namespace mw::memory {
namespace {

bool inside(const watermark& m, const chat::message_span& span) {
  if (m.id == span.from.id || m.id == span.to.id) return true;
  const auto at = parse_iso_time(m.timestamp);
  const auto from = parse_iso_time(span.from.timestamp);
  const auto to = parse_iso_time(span.to.timestamp);
  return at && from && to && *from <= *at && *at <= *to;
}

bool still_listed(const chat::message_span& span, const record* stored) {
  if (stored == nullptr) return true;
  return std::any_of(stored->skipped.begin(), stored->skipped.end(), [&](const skipped_span& s) {
    return s.from.id == span.from.id && s.to.id == span.to.id;
  });
}

bool in_retried(const watermark& evidence, const commit& c, const record* stored) {
  return std::any_of(c.retried.begin(), c.retried.end(), [&](const chat::message_span& span) {
    return inside(evidence, span) && still_listed(span, stored);
  });
}

/// The instant that a wish to be forgotten is compared with.
const std::string& time_against_marks(const operation& op) {
  return op.said.empty() ? op.evidence.timestamp : op.said;
}

enum class verdict : uint8_t { run, refuse, forgotten };

verdict admissible(const operation& op, const profile& p, const commit& c, const record* stored) {
  if (op.evidence.id.empty()) return verdict::refuse;
  if (deliberate_fault("ignore-watermark") || deliberate_fault("forget-without-epoch")) return verdict::run;
  const std::string limit = forgotten_before(p, c.session_id);
  if (!limit.empty() && !later(time_against_marks(op), limit)) return verdict::forgotten;
  if (!may_return(p, op.item, time_against_marks(op))) return verdict::forgotten;
  if (op.op == op_kind::replace && !may_return(p, op.replaces, time_against_marks(op)))
    return verdict::forgotten;
  if (in_retried(op.evidence, c, stored)) return verdict::run;
  if (!index_in(c.span, op.evidence)) return verdict::refuse;
  if (stored != nullptr && stored->through && !after(c, op.evidence, *stored->through))
    return verdict::refuse;
  const auto applied = p.applied.find(c.session_id);
  const bool is_new = applied == p.applied.end() || after(c, op.evidence, applied->second);
  return is_new ? verdict::run : verdict::refuse;
}

void advance_applied(profile& p, const commit& c) {
  const auto it = p.applied.find(c.session_id);
  if (it == p.applied.end()) {
    p.applied.emplace(c.session_id, c.through);
  } else if (after(c, c.through, it->second)) {
    it->second = c.through;
  }
  while (p.applied.size() > max_applied) {
    auto oldest = p.applied.end();
    for (auto at = p.applied.begin(); at != p.applied.end(); ++at) {
      if (at->first == c.session_id) continue;
      if (oldest == p.applied.end() || later(oldest->second.timestamp, at->second.timestamp)) oldest = at;
    }
    p.applied.erase(oldest);
  }
}

}  // namespace

profile_change apply_to_profile(const profile& current, const commit& c, std::string_view now,
                                const record* stored) {
  profile_change change{current};
  std::vector<std::pair<stamp, const operation*>> in_order;
  for (size_t i = 0; i < c.operations.size(); ++i)
    in_order.emplace_back(stamp_of(c, i, now), &c.operations[i]);
  std::sort(in_order.begin(), in_order.end());
  profile_editor edit{change.next, c};
  for (const auto& [at, op] : in_order) {
    // Judged against the profile as it was: operations of one commit don't outdate each other.
    const verdict v = admissible(*op, current, c, stored);
    const effect e = v == verdict::run ? edit.run(*op, at) : effect::none;
    if (e == effect::applied) {
      ++change.applied;
    } else {
      ++change.dropped;
      if (e == effect::outdated || v == verdict::forgotten) ++change.outdated;
    }
  }
  change.changed = edit.changed();
  change.evicted = edit.evicted();
  if (!change.changed) return change;
  profile& next = change.next;
  next.user_id = c.user_id;
  next.epoch = std::max(current.epoch, c.epoch);
  next.timestamp = next.last_updated = now;
  next.last_operations = edit.take_done();
  ++next.revision;
  advance_applied(next, c);
  return change;
}

}  // namespace mw::memory
