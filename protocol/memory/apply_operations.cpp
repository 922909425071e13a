// apply_to_profile of commit.hpp.
#include <algorithm>

#include "protocol/base/deliberate_fault.hpp"
#include "protocol/base/iso_time.hpp"
#include "protocol/memory/commit.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/position.hpp"

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

bool admissible(const operation& op, const profile& p, const commit& c, const record* stored) {
  if (op.evidence.id.empty()) return false;
  if (deliberate_fault("ignore-watermark") || deliberate_fault("forget-without-epoch")) return true;
  const std::string limit = forgotten_before(p, c.session_id);
  if (!limit.empty() && !later(op.evidence.timestamp, limit)) return false;
  if (op.op != op_kind::remove && !may_return(p, op.item, op.evidence.timestamp)) return false;
  if (in_retried(op.evidence, c, stored)) return true;
  if (!index_in(c.span, op.evidence)) return false;
  if (stored != nullptr && stored->through && !after(c, op.evidence, *stored->through)) return false;
  const auto applied = p.applied.find(c.session_id);
  return applied == p.applied.end() || after(c, op.evidence, applied->second);
}

enum class effect : uint8_t { none, refreshed, applied };

/// The lists and origins of one profile while a commit's operations run over them.
class editor {
 public:
  editor(profile& p, const commit& c) : p_(p), c_(c) {}

  effect run(const operation& op) {
    switch (op.op) {
      case op_kind::add:
        return add(op);
      case op_kind::replace:
        return replace(op);
      case op_kind::remove:
        return remove(op);
    }
    return effect::none;
  }

  std::vector<operation> done;  ///< what took effect, with the texts as they were stored

 private:
  std::vector<std::string>& list(category in) { return p_.lists.at(static_cast<size_t>(in)); }

  void note(const operation& op, std::string item, std::string replaced) {
    done.push_back({op.op, op.in, std::move(item), std::move(replaced), op.quote, op.evidence});
  }

  void drop_origins(category in, const std::string& item) {
    const std::string folded = fold_item(item);
    std::erase_if(p_.origins,
                  [&](const item_origin& o) { return o.in == in && fold_item(o.item) == folded; });
  }

  void add_origin(const operation& op, const std::string& item) {
    const std::string folded = fold_item(item);
    auto& all = p_.origins;
    const auto of_item = [&](const item_origin& o) { return o.in == op.in && fold_item(o.item) == folded; };
    std::erase_if(all, [&](const item_origin& o) { return o.session_id == c_.session_id && of_item(o); });
    if (std::count_if(all.begin(), all.end(), of_item) >= max_origins_of_item)
      all.erase(std::find_if(all.begin(), all.end(), of_item));
    all.push_back({op.in, item, c_.session_id, op.evidence.id, op.evidence.timestamp});
    if (all.size() > max_origins) all.erase(all.begin());
  }

  effect add(const operation& op) {
    std::string item = clean_item(op.item);
    if (item.empty()) return effect::none;
    auto& items = list(op.in);
    if (find_item(items, item) < items.size()) {
      add_origin(op, item);
      return effect::refreshed;
    }
    if (items.size() >= max_items) return effect::none;
    items.push_back(item);
    add_origin(op, item);
    note(op, std::move(item), {});
    return effect::applied;
  }

  effect replace(const operation& op) {
    std::string item = clean_item(op.item);
    auto& items = list(op.in);
    const size_t old = find_item(items, op.replaces);
    if (item.empty()) return effect::none;
    if (old == items.size()) return add(op);
    if (items[old] == item) {
      add_origin(op, item);
      return effect::refreshed;
    }
    std::string replaced = items[old];
    const size_t same = find_item(items, item);
    drop_origins(op.in, replaced);
    if (same < items.size() && same != old) {
      items.erase(items.begin() + static_cast<std::ptrdiff_t>(old));
    } else {
      items[old] = item;
    }
    add_origin(op, item);
    note(op, std::move(item), std::move(replaced));
    return effect::applied;
  }

  effect remove(const operation& op) {
    auto& items = list(op.in);
    const size_t at = find_item(items, op.item);
    if (at == items.size()) return effect::none;
    std::string removed = items[at];
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
    drop_origins(op.in, removed);
    note(op, std::move(removed), {});
    return effect::applied;
  }

  profile& p_;
  const commit& c_;
};

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
  editor edit{change.next, c};
  for (const operation& op : c.operations) {
    // Judged against the profile as it was: operations of one commit don't outdate each other.
    const effect e = admissible(op, current, c, stored) ? edit.run(op) : effect::none;
    if (e == effect::applied) {
      ++change.applied;
    } else {
      ++change.dropped;
    }
    change.changed |= e != effect::none;
  }
  if (!change.changed) return change;
  profile& next = change.next;
  next.user_id = c.user_id;
  next.epoch = std::max(current.epoch, c.epoch);
  next.timestamp = next.last_updated = now;
  next.last_operations = std::move(edit.done);
  ++next.revision;
  advance_applied(next, c);
  return change;
}

}  // namespace mw::memory
