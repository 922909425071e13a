#include "protocol/memory/profile_editor.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "protocol/base/iso_time.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/secrets.hpp"

namespace mw::memory {
namespace {

constexpr int64_t late_us = std::chrono::microseconds{late_evidence}.count();

bool may_have_come_late(const stamp& earlier, const stamp& later) {
  return earlier.time_us == INT64_MIN || later.time_us - earlier.time_us <= late_us;
}

/// Without the session: what came first stays first among equals.
bool said_before(const item_origin& a, const item_origin& b) {
  stamp left = stamp_of(a);
  stamp right = stamp_of(b);
  left.session_tag.clear();
  right.session_tag.clear();
  return left < right;
}

std::string time_of(const operation& op, const stamp& at) {
  if (!op.said.empty()) return op.said;
  if (parse_iso_time(op.evidence.timestamp)) return op.evidence.timestamp;
  return format_iso_time(wall_time{std::chrono::microseconds{at.time_us}});
}

}  // namespace

profile_editor::profile_editor(profile& p, const commit& c) : p_(p), c_(c) {
  folded_.reserve(p.origins.size());
  for (const item_origin& o : p.origins) folded_.push_back(fold_item(o.item));
  merge_spellings();
}

effect profile_editor::run(const operation& op, const stamp& at) {
  if (op.op == op_kind::remove) return remove(op, at);
  const key k = key_of(op.in, clean_item(op.item));
  if (k.folded.empty()) return effect::none;
  return op.op == op_kind::add ? add(op, k, at) : replace(op, k, at);
}

effect profile_editor::add(const operation& op, const key& k, const stamp& at) {
  auto place = name(k, at);
  if (newest_end(k) >= at) return effect::outdated;
  return put(op, k, at, {}, std::move(place));
}

effect profile_editor::replace(const operation& op, const key& k, const stamp& at) {
  const key old = key_of(op.in, op.replaces);
  if (old.folded == k.folded) return respell(op, k, at);
  if (old.folded.empty()) return add(op, k, at);
  const bool late = newest(old) > at;
  auto place = name(old, at);
  if (auto ended = end(old, at)) place = std::move(ended);
  name(k, at);
  if (late) {
    if (newest(k) < at) mark(k, at, false);
    return effect::outdated;
  }
  if (newest_end(k) < at) return put(op, k, at, old.marks.now, std::move(place));
  if (!place) return effect::outdated;
  note({op_kind::remove, op.in, {}, {}, {}, op.evidence, {}, {}}, {}, {});
  return effect::applied;
}

effect profile_editor::respell(const operation& op, const key& k, const stamp& at) {
  auto& items = list(op.in);
  const size_t i = find(k);
  if (i == items.size() || newest(k) > at) return add(op, k, at);
  std::string item = clean_item(op.item);
  if (items[i] == item) return add(op, k, at);
  return put(op, k, at, {}, taken{i, std::exchange(items[i], std::move(item))});
}

effect profile_editor::remove(const operation& op, const stamp& at) {
  const key k = key_of(op.in, op.item);
  if (k.folded.empty()) return effect::none;
  const bool late = newest(k) > at;
  name(k, at);
  if (end(k, at)) {
    note(op, {}, {});
    return effect::applied;
  }
  return late ? effect::outdated : effect::none;
}

effect profile_editor::put(const operation& op, const key& k, const stamp& at, const std::string& instead_of,
                           std::optional<taken> place) {
  auto& items = list(op.in);
  std::string item = clean_item(op.item);
  if (!gather(k, at)) {
    const key there{elsewhere(k).value_or(op.in), k.folded, k.marks};
    operation same = op;
    same.in = there.in;
    add_origin(same, there, at, {});
    if (!place) return effect::outdated;
    note({op_kind::remove, op.in, {}, {}, op.quote, op.evidence, {}, {}}, std::move(place->text), {});
    return effect::applied;
  }
  const bool there = find(k) < items.size();
  if (!there) {
    if (!place && !make_room(op.in, at)) return effect::none;
    const size_t i = place ? std::min(place->index, items.size()) : items.size();
    insert(op.in, i, item, k.folded);
  } else if (!instead_of.empty()) {
    keep_adopted(k);
  }
  add_origin(op, k, at, instead_of);
  if (there && !place) return effect::refreshed;
  note(op, std::move(item), place ? std::move(place->text) : std::string{});
  return effect::applied;
}

bool profile_editor::gather(const key& k, const stamp& at) {
  for (auto from = elsewhere(k); from; from = elsewhere(k)) {
    const key other{*from, k.folded, k.marks};
    const bool there = find(k) < list(k.in).size();
    if (newest(other) > at || (!there && !make_room(k.in, at))) return false;
    taken out = take_out(other);
    if (!there) insert(k.in, list(k.in).size(), std::move(out.text), k.folded);
    for (size_t i = 0; i < p_.origins.size(); ++i) {
      if (!is_of(i, other)) continue;
      p_.origins[i].in = k.in;
      p_.origins[i].instead_of.clear();  // its place is in the other list
    }
  }
  return true;
}

std::optional<category> profile_editor::elsewhere(const key& k) const {
  for (size_t i = 0; i < category_count; ++i) {
    const key other{static_cast<category>(i), k.folded, {}};
    if (other.in != k.in && find(other) < p_.lists.at(i).size()) return other.in;
  }
  return std::nullopt;
}

void profile_editor::merge_spellings() {
  for (size_t c = 0; c < category_count; ++c) {
    auto& items = p_.lists.at(c);
    auto& folds = folded_lists_.at(c);
    folds.reserve(items.size() + 1);
    std::set<std::string> seen;
    const size_t before = items.size();
    std::erase_if(items, [&](const std::string& item) {
      const auto [fold, is_new] = seen.insert(fold_item(item));
      if (is_new) folds.push_back(*fold);
      return !is_new;
    });
    if (items.size() < before) changed_ = true;
  }
}

void profile_editor::insert(category in, size_t at, std::string item, std::string folded) {
  auto& items = list(in);
  auto& folds = folded_list(in);
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(at), std::move(item));
  folds.insert(folds.begin() + static_cast<std::ptrdiff_t>(at), std::move(folded));
  changed_ = true;
}

stamp profile_editor::newest(const key& k) const {
  stamp out;
  for (size_t i = 0; i < p_.origins.size(); ++i)
    if (is_of(i, k)) out = std::max(out, stamp_of(p_.origins[i]));
  for (const item_mark& m : p_.marks)
    if (is_mark_of(m, k)) out = std::max(out, stamp_of(m));
  return out;
}

stamp profile_editor::newest_end(const key& k) const {
  for (const item_mark& m : p_.marks)
    if (m.gone && is_mark_of(m, k)) return stamp_of(m);
  return {};
}

std::optional<profile_editor::taken> profile_editor::name(const key& k, const stamp& at) {
  std::optional<taken> out;
  for (size_t i = 0; i < p_.origins.size();) {
    const item_origin& o = p_.origins[i];
    const bool replaced_it = o.in == k.in && k.marks.has(o.instead_of) && o.session_id != c_.session_id;
    const stamp s = replaced_it ? stamp_of(o) : at;
    if (s >= at || !may_have_come_late(s, at)) {
      ++i;
      continue;
    }
    const key other{o.in, folded_[i], marks_of(o.item)};
    erase_origin(i);
    if (newest(other) < s) mark(other, s, false);
    if (!has_origin(other) && find(other) < list(other.in).size()) out = take_out(other);
  }
  return out;
}

std::optional<profile_editor::taken> profile_editor::end(const key& k, const stamp& at) {
  for (size_t i = 0; i < p_.origins.size();) {
    if (is_of(i, k) && stamp_of(p_.origins[i]) <= at) {
      erase_origin(i);
    } else {
      ++i;
    }
  }
  mark(k, at, true);
  drop_named(k, at);
  if (has_origin(k) || find(k) == list(k.in).size()) return std::nullopt;
  return take_out(k);
}

profile_editor::taken profile_editor::take_out(const key& k) {
  auto& items = list(k.in);
  const size_t i = find(k);
  taken out{i, std::move(items[i])};
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(i));
  folded_list(k.in).erase(folded_list(k.in).begin() + static_cast<std::ptrdiff_t>(i));
  changed_ = true;
  return out;
}

bool profile_editor::make_room(category in, const stamp& at) {
  auto& items = list(in);
  if (items.size() < max_items) return true;
  std::map<std::string_view, stamp> newest_of;
  for (size_t i = 0; i < p_.origins.size(); ++i) {
    if (p_.origins[i].in != in) continue;
    auto& s = newest_of[folded_[i]];
    s = std::max(s, stamp_of(p_.origins[i]));
  }
  key oldest;
  stamp when;
  for (const std::string& folded : folded_list(in)) {
    key k{in, folded, {}};
    const auto known = newest_of.find(k.folded);
    const stamp s = known == newest_of.end() ? stamp{} : known->second;
    if (!oldest.folded.empty() && s >= when) continue;
    oldest = std::move(k);
    when = s;
  }
  if (at < when) return false;
  take_out(oldest);
  for (size_t i = p_.origins.size(); i-- > 0;)
    if (is_of(i, oldest)) erase_origin(i);
  ++evicted_;
  return true;
}

void profile_editor::add_origin(const operation& op, const key& k, const stamp& at,
                                const std::string& instead_of) {
  for (size_t i = p_.origins.size(); i-- > 0;) {
    const item_origin& o = p_.origins[i];
    if (o.session_id != c_.session_id || !is_of(i, k)) continue;
    const bool same_kind = o.instead_of == instead_of;
    if (stamp_of(o) >= at && (same_kind || o.instead_of.empty())) return;
    if (stamp_of(o) < at && (same_kind || instead_of.empty())) erase_origin(i);
  }
  p_.origins.push_back(
      {op.in, clean_item(op.item), c_.session_id, op.evidence.id, time_of(op, at), at.place, instead_of});
  folded_.push_back(k.folded);
  changed_ = true;
  drop_named(k, at);
  limit_origins(k, !instead_of.empty());
  limit_all_origins();
}

// An item of the Python worker's that also takes another's place: it stays when that is undone.
void profile_editor::keep_adopted(const key& k) {
  if (has_origin(k)) return;
  p_.origins.push_back({k.in, list(k.in)[find(k)], {}, {}, {}, {}, {}});
  folded_.push_back(k.folded);
}

void profile_editor::limit_origins(const key& k, bool replacements) {
  size_t count = 0;
  std::optional<size_t> oldest;
  for (size_t i = 0; i < p_.origins.size(); ++i) {
    if (!is_of(i, k) || p_.origins[i].instead_of.empty() == replacements) continue;
    ++count;
    if (!oldest || said_before(p_.origins[i], p_.origins[*oldest])) oldest = i;
  }
  if (count > max_origins_of_item) erase_origin(*oldest);
}

// An item keeps one as long as there is any other that can go.
void profile_editor::limit_all_origins() {
  if (p_.origins.size() <= max_origins) return;
  std::map<std::pair<category, std::string_view>, size_t> counts;
  for (size_t i = 0; i < p_.origins.size(); ++i) ++counts[{p_.origins[i].in, folded_[i]}];
  const auto is_last = [&](size_t i) { return counts.at({p_.origins[i].in, folded_[i]}) == 1; };
  size_t oldest = 0;
  for (size_t i = 1; i < p_.origins.size(); ++i) {
    const bool sooner =
        is_last(i) != is_last(oldest) ? is_last(oldest) : said_before(p_.origins[i], p_.origins[oldest]);
    if (sooner) oldest = i;
  }
  erase_origin(oldest);
}

void profile_editor::erase_origin(size_t i) {
  p_.origins.erase(p_.origins.begin() + static_cast<std::ptrdiff_t>(i));
  folded_.erase(folded_.begin() + static_cast<std::ptrdiff_t>(i));
  changed_ = true;
}

bool profile_editor::has_origin(const key& k) const {
  for (size_t i = 0; i < p_.origins.size(); ++i)
    if (is_of(i, k)) return true;
  return false;
}

void profile_editor::mark(const key& k, const stamp& at, bool gone) {
  if (leave_mark(p_, mark_of(k.in, k.marks.now, at, gone))) changed_ = true;
}

void profile_editor::drop_named(const key& k, const stamp& at) {
  const auto outlived = [&](const item_mark& m) { return !m.gone && is_mark_of(m, k) && stamp_of(m) <= at; };
  if (std::erase_if(p_.marks, outlived) > 0) changed_ = true;
}

size_t profile_editor::find(const key& k) const {
  const auto& folds = folded_lists_.at(static_cast<size_t>(k.in));
  return static_cast<size_t>(std::find(folds.begin(), folds.end(), k.folded) - folds.begin());
}

void profile_editor::note(const operation& op, std::string item, std::string replaced) {
  if (holds_secret(replaced)) replaced.clear();
  done_.push_back({op.op, op.in, std::move(item), std::move(replaced), {}, op.evidence, {}, {}});
}

std::vector<operation> profile_editor::take_done() {
  // What a later operation of the commit took out again is gone here as well. A commit that comes from
  // elsewhere may add an item with a secret: it is not kept twice.
  std::erase_if(done_, [&](const operation& op) {
    return op.op != op_kind::remove &&
           (find_item(list(op.in), op.item) == list(op.in).size() || holds_secret(op.item));
  });
  return std::move(done_);
}

profile_editor::key profile_editor::key_of(category in, std::string_view item) {
  return {in, fold_item(item), marks_of(item)};
}

}  // namespace mw::memory
