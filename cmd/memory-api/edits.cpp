#include "cmd/memory-api/edits.hpp"

#include <utility>

#include "protocol/memory/evidence_order.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/unsaid.hpp"

namespace mw::api {
namespace {

bool matches(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    auto tag = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (!tag.empty() && (tag.front() == ' ' || tag.front() == '\t')) tag.remove_prefix(1);
    while (!tag.empty() && (tag.back() == ' ' || tag.back() == '\t')) tag.remove_suffix(1);
    if (tag == etag) return true;
  }
  return false;
}

/// One fact is one item, in one list.
void take_from_other_lists(memory::profile& user, memory::category in) {
  const auto& list = user.lists.at(static_cast<size_t>(in));
  const auto is_here = [&](const std::string& item) { return memory::find_item(list, item) < list.size(); };
  for (size_t other = 0; other < memory::category_count; ++other)
    if (other != static_cast<size_t>(in)) std::erase_if(user.lists.at(other), is_here);
  std::erase_if(user.origins, [&](const memory::item_origin& o) { return o.in != in && is_here(o.item); });
}

}  // namespace

status check(const precondition& p, std::string_view etag) {
  if (!p.if_none_match.empty() && !etag.empty())
    return fail(errc::conflict, "If-None-Match: * but the document exists");
  if (p.if_match.empty()) return ok;
  if (etag.empty()) return fail(errc::conflict, "If-Match: but there is no such document");
  if (p.if_match != "*" && !matches(p.if_match, etag))
    return fail(errc::conflict, "If-Match: the document is another one by now; read it again");
  return ok;
}

void apply_lists(memory::profile& user, const list_updates& updates, wall_time now) {
  const memory::stamp at{now.time_since_epoch().count(), {}, {}};
  const std::string time = format_iso_time(now);
  for (const auto& [in, items] : updates) {
    auto& list = user.lists.at(static_cast<size_t>(in));
    const auto before = std::exchange(list, {});
    for (const auto& item : items)
      if (memory::find_item(list, item) == list.size()) list.push_back(memory::clean_item(item));
    // By hand, now: what was said before does not take it away again.
    for (const auto& item : list)
      if (memory::find_item(before, item) == before.size())
        user.origins.push_back({in, item, {}, {}, time, {}, {}});
    for (const auto& item : before)
      if (memory::find_item(list, item) == list.size())
        memory::leave_mark(user, memory::mark_of(in, memory::mark_hash(item), at, true));
    std::erase_if(user.origins, [&, category = in](const memory::item_origin& o) {
      return o.in == category && memory::find_item(list, o.item) == list.size();
    });
    take_from_other_lists(user, in);
  }
  user.last_operations.clear();
  user.timestamp = user.last_updated = time;
  ++user.revision;
}

memory::record merge_summary(const memory::record& summary, const std::optional<memory::record>& stored,
                             const std::optional<memory::profile>& user, wall_time now) {
  memory::record next = summary;
  if (stored) {
    next.through = stored->through;
    next.wish = stored->wish;
    next.skipped = stored->skipped;
    next.model = stored->model;
    next.used = stored->used;
    next.other_fields = stored->other_fields;
    next.other_worker_fields = stored->other_worker_fields;
    next.names_embedding = stored->names_embedding;
    if (next.embedding.empty() && next.summary == stored->summary) next.embedding = stored->embedding;
  }
  next.epoch = user ? user->epoch : 0;
  if (user) next.unsaid = memory::unsaid_at(*user, summary.session_id);
  next.status = memory::record_status::ok;
  next.timestamp = format_iso_time(now);
  return next;
}

bool loses_embedding(const std::optional<memory::record>& stored, const memory::record& next) {
  return stored && !stored->embedding.empty() && next.embedding.empty();
}

}  // namespace mw::api
