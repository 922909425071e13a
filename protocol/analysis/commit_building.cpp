#include "protocol/analysis/commit_building.hpp"

#include <algorithm>
#include <functional>

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
  out.base = c.base;
  out.through = c.through;
  out.used = used;
  out.model = std::string{model};
  for (const auto& s : c.retried) out.retried.push_back({s.from, s.to});
  out.skipped = c.left;
  return out;
}

/// The messages that are new now, as one span; those that were skipped before keep their own, one attempt
/// older, as far as they were tried.
void record_skipped(memory::commit& out, const loaded_conversation& c, std::string_view reason) {
  for (auto again : c.retried) {
    ++again.attempts;
    const bool cut = std::any_of(c.left.begin(), c.left.end(),
                                 [&](const memory::skipped_span& l) { return l.to.id == again.to.id; });
    if (cut) again.to = c.messages.back().position;
    out.skipped.push_back(std::move(again));
  }
  const llm::prompt_message* first = nullptr;
  const llm::prompt_message* last = nullptr;
  for (const auto& p : c.span) {
    if (p.message == span_part::not_analysed) continue;
    last = &c.messages[p.message];
    if (first == nullptr) first = last;
  }
  if (first != nullptr) out.skipped.push_back({first->position, last->position, std::string{reason}, 1});
}

}  // namespace

memory::commit commit_of(loaded_conversation&& c, const llm::analysis& a, const memory::usage& used,
                         std::string_view model) {
  auto out = frame_of(c, used, model);
  out.span = span_positions(std::move(c));
  out.summary = a.summary;
  out.themes = a.themes;
  out.persons = a.persons;
  out.places = a.places;
  out.user_sentiment = a.user_sentiment;
  out.operations = a.operations;
  return out;
}

memory::commit commit_of(const loaded_conversation& c, const llm::analysis& a, const memory::usage& used,
                         std::string_view model) {
  return commit_of(loaded_conversation{c}, a, used, model);
}

memory::commit commit_of_defaults(const loaded_conversation& c, std::string_view reason,
                                  const memory::usage& used, std::string_view model) {
  auto out = frame_of(c, used, model);
  out.span = span_positions(c);
  out.defaults = true;
  out.summary = default_summary;
  record_skipped(out, c, reason);
  return out;
}

uint64_t fingerprint(const loaded_conversation& c) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&hash](std::string_view text) {
    hash = (hash ^ std::hash<std::string_view>{}(text)) * 0x100000001b3;
  };
  mix(c.user_id);
  mix(c.session_id);
  if (c.base) mix(c.base->id);
  mix(c.through.id);
  hash = (hash ^ c.epoch) * 0x100000001b3;
  hash = (hash ^ c.messages.size()) * 0x100000001b3;
  for (const auto& m : c.messages) {
    mix(m.position.id);
    mix(m.text);
  }
  return hash;
}

}  // namespace mw::analysis
