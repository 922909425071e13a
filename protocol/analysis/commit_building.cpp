#include "protocol/analysis/commit_building.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "protocol/base/fnv.hpp"
#include "protocol/memory/summary_text.hpp"

namespace mw::analysis {
namespace {

/// All but the analysis and the span.
memory::commit frame_of(const loaded_conversation& c, const memory::usage& used, std::string_view model) {
  memory::commit out;
  out.user_id = c.user_id;
  out.session_id = c.session_id;
  out.epoch = c.epoch;
  out.profile_existed = c.profile_existed;
  out.forgotten_before = c.forgotten_before;
  out.unsaid = c.unsaid;
  out.anew = c.anew;
  out.anew_to = c.anew_to;
  out.base = c.base;
  out.through = c.through;
  out.used = used;
  out.model = std::string{model};
  for (const auto& s : c.retried) out.retried.push_back({s.from, s.to});
  out.skipped = c.left;
  for (auto gone : c.expired) {
    out.retried.push_back({gone.from, gone.to});
    gone.reason = gone.waits_for_budget() ? skipped_for::budget_expired : skipped_for::expired;
    gone.attempts = memory::max_span_attempts;
    out.skipped.push_back(std::move(gone));
  }
  return out;
}

/// A formerly skipped span has one attempt more, as far as it was asked about.
void record_again(memory::commit& out, const loaded_conversation& c, std::string_view reason) {
  if (reason == skipped_for::budget) {
    // Nothing was asked, nothing changes.
    out.retried.clear();
    out.skipped.clear();
    return;
  }
  auto again = c.retried.front();
  if (!c.left.empty()) again.to = c.messages.back().position;
  again.reason = reason;
  again.tried = out.through.id;
  ++again.attempts;
  out.skipped.push_back(std::move(again));
}

/// Of a summary made anew only what is new was asked for the first time; what was analysed before is left out
/// of the summary from now on, unless it was the budget.
void leave_what_is_not_new(memory::commit& out, std::string_view reason) {
  out.retried.clear();
  out.skipped.clear();
  if (reason != skipped_for::budget) return;
  out.anew = false;
  out.anew_to.reset();
}

size_t first_new(const loaded_conversation& c) {
  const auto part = std::find_if(c.span.begin(), c.span.end(),
                                 [](const span_part& p) { return p.message != span_part::not_analysed; });
  return part == c.span.end() ? c.messages.size() : part->message;
}

/// The messages as spans without gaps: the first attempt at all of them, or none.
void record_skipped(memory::commit& out, const loaded_conversation& c, std::string_view reason) {
  const bool asked = reason != skipped_for::budget;
  const auto record = [&](size_t from, size_t to) {
    if (from >= to) return;
    out.skipped.push_back({c.messages[from].position, c.messages[to - 1].position, std::string{reason},
                           asked ? 1U : 0U, asked ? out.through.id : std::string{}});
  };
  size_t from = c.anew ? first_new(c) : 0;
  for (const size_t gap : c.breaks) {
    if (gap >= c.messages.size()) break;
    if (gap <= from) continue;
    record(std::exchange(from, gap), gap);
  }
  record(from, c.messages.size());
}

}  // namespace

memory::commit commit_of(loaded_conversation&& c, llm::analysis a, const memory::usage& used,
                         std::string_view model) {
  auto out = frame_of(c, used, model);
  out.span = span_positions(std::move(c));
  out.summary = std::move(a.summary);
  out.themes = std::move(a.themes);
  out.persons = std::move(a.persons);
  out.places = std::move(a.places);
  out.user_sentiment = std::move(a.user_sentiment);
  out.operations = std::move(a.operations);
  return out;
}

memory::commit commit_of(const loaded_conversation& c, llm::analysis a, const memory::usage& used,
                         std::string_view model) {
  return commit_of(loaded_conversation{c}, std::move(a), used, model);
}

memory::commit commit_of_defaults(const loaded_conversation& c, std::string_view reason,
                                  const memory::usage& used, std::string_view model) {
  auto out = frame_of(c, used, model);
  out.span = span_positions(c);
  out.defaults = true;
  out.summary = memory::default_summary;
  record_missing(out, c, reason);
  return out;
}

void record_missing(memory::commit& out, const loaded_conversation& c, std::string_view reason) {
  if (c.retry_alone) {
    record_again(out, c, reason);
  } else {
    if (c.anew) leave_what_is_not_new(out, reason);
    record_skipped(out, c, reason);
  }
}

void mark_refused(memory::commit& c) {
  constexpr std::string_view why = skipped_for::memory_rejected;
  c.keep_summary = true;
  c.operations.clear();
  c.embedding.clear();
  if (c.defaults) return;  // its messages are skipped already
  for (const auto& r : c.retried) {
    const auto rest = std::find_if(c.skipped.begin(), c.skipped.end(),
                                   [&](const memory::skipped_span& s) { return s.to.id == r.to.id; });
    if (rest == c.skipped.end()) {
      c.skipped.push_back({r.from, r.to, std::string{why}, memory::max_span_attempts});
    } else if (!rest->given_up()) {
      rest->from = r.from;
      rest->attempts = rest->waits_for_budget() ? 1 : rest->attempts + 1;
      rest->reason = why;
      rest->tried = c.through.id;
    }
  }
  if (!c.span.empty())
    c.skipped.push_back({c.span.front(), c.span.back(), std::string{why}, memory::max_span_attempts});
}

uint64_t fingerprint(const loaded_conversation& c) {
  uint64_t hash = fnv_start;
  const auto mix = [&hash](std::string_view text) {
    hash = (hash ^ std::hash<std::string_view>{}(text)) * fnv_prime;
  };
  mix(c.user_id);
  mix(c.session_id);
  if (c.base) mix(c.base->id);
  mix(c.through.id);
  mix(c.unsaid);
  hash = (hash ^ c.epoch) * fnv_prime;
  hash = (hash ^ c.messages.size()) * fnv_prime;
  for (const auto& m : c.messages) {
    mix(m.position.id);
    mix(m.text);
    hash = (hash ^ m.offset) * fnv_prime;
  }
  return hash;
}

}  // namespace mw::analysis
