#include "protocol/memory/commit.hpp"

#include <algorithm>

#include "protocol/base/deliberate_fault.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/position.hpp"
#include "protocol/memory/summary_text.hpp"
#include "protocol/memory/unsaid.hpp"

namespace mw::memory {
namespace {

constexpr std::array<std::string_view, 4> outcome_names{"stored", "covered", "reload", "forgotten"};

enum class order : uint8_t { behind_base, within, beyond };

/// Where the stored watermark lies relative to [base, through).
order locate(const watermark& stored, const commit& c) {
  const bool only_retries = c.base && c.base->id == c.through.id && (c.anew || !c.retried.empty());
  if (c.base && stored.id == c.base->id && (only_retries || c.base->id != c.through.id)) return order::within;
  if (stored.id == c.through.id) return order::beyond;
  if (index_in(c.span, stored)) return after(c, c.through, stored) ? order::within : order::beyond;
  if (!later(c.through.timestamp, stored.timestamp)) return order::beyond;
  if (!c.base || later(c.base->timestamp, stored.timestamp)) return order::behind_base;
  return order::within;
}

bool same_span(const chat::message_span& a, const skipped_span& b) {
  return a.from.id == b.from.id && a.to.id == b.to.id;
}

bool was_retried(const skipped_span& s, const commit& c) {
  for (const auto& r : c.retried)
    if (same_span(r, s)) return true;
  return false;
}

/// What is still skipped after this commit: retried spans go, new ones come. The commit has counted the
/// attempts of what it retried; what somebody else skipped meanwhile has one more with it.
std::vector<skipped_span> merge_skipped(const std::vector<skipped_span>& before, const commit& c) {
  std::vector<skipped_span> out;
  for (const skipped_span& s : before)
    if (!was_retried(s, c)) out.push_back(s);
  for (skipped_span s : c.skipped) {
    for (const skipped_span& old : before)
      if (!was_retried(old, c) && !s.waits_for_budget() && !old.waits_for_budget() &&
          (old.from.id == s.from.id || old.to.id == s.to.id))
        s.attempts = std::max(s.attempts, old.attempts + 1);
    std::erase_if(out, [&](const skipped_span& o) { return o.from.id == s.from.id && o.to.id == s.to.id; });
    out.push_back(std::move(s));
  }
  while (out.size() > max_skipped) {
    const auto done = std::find_if(out.begin(), out.end(), [](const auto& s) { return s.given_up(); });
    out.erase(done != out.end() ? done : out.begin());
  }
  return out;
}

void add_usage(usage& sum, const usage& more) {
  sum.prompt_tokens += more.prompt_tokens;
  sum.completion_tokens += more.completion_tokens;
  sum.cached_tokens += more.cached_tokens;
  sum.reasoning_tokens += more.reasoning_tokens;
  sum.calls += more.calls;
}

void set_summary(record& r, const commit& c) {
  // Without a new one, the old stays as long as it is that of the summary.
  if (c.defaults || !c.embedding.empty() || r.summary != c.summary)
    r.embedding = c.defaults ? std::vector<float>{} : c.embedding;
  r.summary = c.summary;
  r.themes = c.themes;
  r.persons = c.persons;
  r.places = c.places;
  r.user_sentiment = c.user_sentiment;
  r.status = c.defaults ? record_status::defaults : record_status::ok;
}

/// A better summary is never replaced by a worse one (docs/design.md 1.3). Where there is none, a text that
/// says nothing becomes the one that says so.
void update_summary(record& r, const commit& c) {
  const bool worse = c.defaults || says_nothing(c.summary);
  if (has_summary(r)) {
    if (!c.keep_summary && !worse) set_summary(r, c);
  } else if (!c.keep_summary) {
    set_summary(r, c);
    if (!worse) return;
    r.status = record_status::defaults;
    r.embedding.clear();
    if (!c.defaults) r.summary = default_summary;
  } else {
    r.status = record_status::defaults;
  }
}

}  // namespace

std::string_view to_string(commit_outcome o) {
  return outcome_names.at(static_cast<size_t>(o));
}

std::optional<commit_outcome> commit_outcome_from(std::string_view name) {
  for (size_t i = 0; i < outcome_names.size(); ++i)
    if (outcome_names[i] == name) return static_cast<commit_outcome>(i);
  return std::nullopt;
}

bool visible(const record& r, const std::optional<profile>& user) {
  return !user || r.epoch >= user->epoch;
}

bool has_summary(const record& r) {
  return !r.summary.empty() && r.status != record_status::defaults && !says_nothing(r.summary);
}

record_change apply_to_record(const std::optional<record>& current, const commit& c, std::string_view now) {
  const bool present = current && current->epoch >= c.epoch;
  if (present && current->epoch > c.epoch) return {commit_outcome::forgotten, {}};
  const bool positioned = present && current->through.has_value() && !deliberate_fault("ignore-watermark");
  if (c.base && !positioned && !deliberate_fault("ignore-watermark")) return {commit_outcome::reload, {}};
  if (positioned) {
    const order where = locate(*current->through, c);
    if (where == order::beyond) return {commit_outcome::covered, {}};
    if (where == order::behind_base) return {commit_outcome::reload, {}};
  }
  record_change change{commit_outcome::stored, present ? *current : record{}};
  record& next = change.next;
  next.user_id = c.user_id;
  next.session_id = c.session_id;
  next.epoch = c.epoch;
  next.wish = c.forgotten_before;
  next.unsaid = c.unsaid.value_or(std::string{});
  if (c.anew) next.anew = c.anew_to;
  next.through = c.through;
  next.timestamp = now;
  next.skipped = merge_skipped(next.skipped, c);
  const bool embedded = !next.embedding.empty();
  update_summary(next, c);
  change.embedding_dropped = embedded && next.embedding.empty();
  if (!c.model.empty()) next.model = c.model;
  add_usage(next.used, c.used);
  return change;
}

std::optional<commit_outcome> check_epoch(const std::optional<profile>& current, const commit& c) {
  if (deliberate_fault("forget-without-epoch")) return std::nullopt;
  if (!current)
    return c.profile_existed || c.epoch != 0 ? std::optional{commit_outcome::forgotten} : std::nullopt;
  if (current->epoch != c.epoch) return commit_outcome::forgotten;
  const std::string limit = forgotten_before(*current, c.session_id);
  const std::string unsaid = unsaid_at(*current, c.session_id);
  const bool of_session = limit != current->forgotten_before;
  if (of_session && limit != c.forgotten_before &&
      (c.forgotten_before.empty() || later(limit, c.forgotten_before)))
    return commit_outcome::reload;
  return is_before(c.unsaid.value_or(unsaid), unsaid) ? std::optional{commit_outcome::reload} : std::nullopt;
}

}  // namespace mw::memory
