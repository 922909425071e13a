#include "protocol/analysis/preparation.hpp"

#include <algorithm>

#include "protocol/chat/said_times.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/unsaid.hpp"

namespace mw::analysis {
namespace {

/// A delivery that has cost more calls asks about nothing that was skipped before.
constexpr uint32_t calls_before_retries = 4;

std::optional<wall_time> event_time(const flow::job_spec& job) {
  if (job.completed_at_ms == 0) return std::nullopt;
  return wall_time{std::chrono::milliseconds{job.completed_at_ms}};
}

chat::clocks clocks_of(const prepare_request& r) {
  chat::clocks k;
  k.chat_message_id = r.job.ids.chat_message();
  if (r.job.enqueued_ms != 0) k.enqueued = wall_time{std::chrono::milliseconds{r.job.enqueued_ms}};
  k.completed_at = event_time(r.job);
  k.now = r.now;
  return k;
}

bool is_message_of(std::string_view message_id, std::string_view chat_message_id) {
  if (message_id == chat_message_id) return true;
  return message_id.size() > chat_message_id.size() && message_id.starts_with(chat_message_id) &&
         message_id[chat_message_id.size()] == '_';
}

std::vector<bool> left_out(const prepare_request& r) {
  if (!r.stored.user || r.stored.user->unsaid.empty()) return {};
  std::vector<memory::said_message> messages;
  messages.reserve(r.conversation.messages.size());
  for (const auto& m : r.conversation.messages) messages.push_back({m.id, m.from == chat::role::user});
  return memory::left_out(*r.stored.user, r.job.ids.session(), messages);
}

chat::cut_request cut_request_for(const prepare_request& r, std::string_view forgotten_before) {
  chat::cut_request q;
  q.clock = clocks_of(r);
  q.forgotten.before = forgotten_before;
  if (r.stored.user) q.forgotten.through = memory::forgotten_through(*r.stored.user, r.job.ids.session());
  if (r.stored.conversation) q.through = r.stored.conversation->through;
  q.left_out = left_out(r);
  return q;
}

/// What of the record's skipped spans is to be asked about.
struct formerly_skipped {
  std::vector<memory::skipped_span> unasked;  ///< for want of budget: together with what is new
  std::vector<memory::skipped_span> refused;  ///< each alone, and each but once while the watermark stays
  std::vector<memory::skipped_span> tried;    ///< refused ones that had their turn at this watermark
  std::vector<memory::skipped_span> expired;
};

formerly_skipped look_through(const prepare_request& r, const chat::cut_request& of_event) {
  formerly_skipped out;
  if (!of_event.through) return out;
  for (const auto& s : r.stored.conversation->skipped) {
    if (s.given_up()) continue;
    auto q = of_event;
    q.only_retry = true;
    q.retry = {{s.from, s.to}};
    const auto found = chat::cut_new(r.conversation, q);
    if (found.retry_seen == 0) out.expired.push_back(s);
    if (found.fresh.empty()) continue;
    if (s.waits_for_budget()) {
      out.unasked.push_back(s);
    } else if (r.job.calls_used <= calls_before_retries) {
      (s.tried == of_event.through->id ? out.tried : out.refused).push_back(s);
    }
  }
  return out;
}

/// The conversation from where the summary reaches, but for what was refused: that is asked about alone.
void ask_anew(chat::cut_request& q, const memory::record& stored, const formerly_skipped& skipped) {
  q.anew = stored.anew;
  for (const auto& s : stored.skipped) {
    const bool asked = std::any_of(skipped.unasked.begin(), skipped.unasked.end(),
                                   [&](const auto& u) { return u.from == s.from && u.to == s.to; });
    if (!asked) q.kept.push_back({s.from, s.to});
  }
}

flow::job_result end_with(const flow::job_spec& job, flow::job_end end) {
  flow::job_result r;
  r.id = job.id;
  r.attempt = job.attempt;
  r.end = end;
  r.at = flow::stage::load;
  r.calls_used = job.calls_used;
  return r;
}

flow::job_result fail_with(const flow::job_spec& job, errc code, std::string detail) {
  auto r = end_with(job, flow::job_end::failed);
  r.error = fail(dependency::redis, code, std::move(detail));
  return r;
}

/// How many of the fresh messages fit: what the job allows and the token limit; at least one.
size_t messages_that_fit(const prepare_request& r, const loaded_conversation& c) {
  size_t most = c.messages.size();
  if (r.job.max_fresh_messages > 0) most = std::min<size_t>(most, r.job.max_fresh_messages);
  uint64_t tokens = 0;
  for (size_t i = 0; i < most; ++i) {
    tokens += llm::estimate_tokens(c.messages[i].text) + 16;
    if (tokens > r.max_tokens && i > 0) return i;
  }
  return most;
}

void fill_stored(loaded_conversation& out, const memory::context& stored, shortened_counts& counts) {
  if (stored.user) {
    out.profile = profile_in_prompt(*stored.user, max_profile_tokens, counts);
    out.profile_existed = true;
    out.epoch = stored.user->epoch;
    out.unsaid = memory::unsaid_at(*stored.user, out.session_id);
  }
  if (!stored.conversation) return;
  out.base = stored.conversation->through;
  if (memory::has_summary(*stored.conversation))
    out.previous_summary = summary_in_prompt(stored.conversation->summary, counts);
}

/// The fresh messages and where they lie; takes the texts out of `c`.
void fill_messages(loaded_conversation& out, chat::conversation& c, const chat::cut& cut,
                   const chat::clocks& clocks) {
  const size_t beyond = cut.advances ? chat::first_beyond(c, out.base, clocks) : cut.through_index + 1;
  auto said = chat::said_times(c, cut, out.base, clocks);
  // What is left came after the wish, however coarse its time is.
  if (const auto wish = parse_iso_time(out.forgotten_before))
    for (auto& at : said) at = std::max(at, *wish + std::chrono::microseconds{1});
  auto positions = chat::take_watermarks(c, clocks.of_unreadable());
  out.through = cut.advances || !out.base ? positions[cut.through_index] : *out.base;
  out.messages.reserve(cut.fresh.size());
  if (beyond <= cut.through_index) out.span.reserve(cut.through_index + 1 - beyond);
  out.breaks.assign(cut.breaks.begin(), cut.breaks.end());
  size_t next = beyond;
  for (const size_t i : cut.fresh) {
    for (; next < i; ++next) out.span.push_back({span_part::not_analysed, std::move(positions[next])});
    if (next == i) {
      out.span.push_back({static_cast<uint32_t>(out.messages.size()), {}});
      ++next;
    }
    auto& m = out.messages.emplace_back();
    m.from = c.messages[i].from;
    m.text = std::move(c.messages[i].content);
    m.position = std::move(positions[i]);
    m.said_us = said[i - cut.fresh.front()].time_since_epoch().count();
    m.place = static_cast<uint32_t>(i + 1);
  }
  for (; next <= cut.through_index; ++next)
    out.span.push_back({span_part::not_analysed, std::move(positions[next])});
}

bool in_span(const loaded_conversation& c, size_t message) {
  return std::any_of(c.span.begin(), c.span.end(), [&](const span_part& p) { return p.message == message; });
}

std::optional<size_t> index_of(const loaded_conversation& c, const memory::watermark& position) {
  for (size_t i = 0; i < c.messages.size(); ++i)
    if (c.messages[i].position.id == position.id) return i;
  return std::nullopt;
}

/// Index of the span's last message; where it is gone, of the last message before the new ones.
size_t end_of(const loaded_conversation& c, const memory::skipped_span& s) {
  if (const auto at = index_of(c, s.to)) return *at;
  size_t retried = 0;
  while (retried < c.messages.size() && !in_span(c, retried)) ++retried;
  return retried > 0 ? retried - 1 : 0;
}

/// Whether the span begins among the first `count` messages.
bool tried_in(const loaded_conversation& c, size_t count, const memory::skipped_span& s) {
  return index_of(c, s.from).value_or(0) < count;
}

}  // namespace

flow::job_result postpone(const flow::job_spec& job, std::chrono::milliseconds wait) {
  auto r = end_with(job, flow::job_end::postponed);
  r.postpone_ms = wait.count();
  return r;
}

bool record_covers_event(const memory::context& stored, const flow::job_spec& job) {
  if (!stored.conversation || !stored.conversation->through) return false;
  const auto& through = *stored.conversation->through;
  if (is_message_of(through.id, job.ids.chat_message())) return true;
  const auto event = event_time(job);
  const auto covered = parse_iso_time(through.timestamp);
  return event && covered && *covered >= *event;
}

preparation prepare(const prepare_request& r) {
  preparation p;
  auto& c = r.conversation;
  if (c.user_id != r.job.ids.user()) {
    p.end = fail_with(r.job, errc::owner_mismatch,
                      "the conversation belongs to another user than the event names");
    return p;
  }
  const std::string forgotten =
      r.stored.user ? memory::forgotten_before(*r.stored.user, r.job.ids.session()) : std::string{};
  auto request = cut_request_for(r, forgotten);
  auto skipped = look_through(r, request);
  for (const auto& s : skipped.unasked) request.retry.push_back({s.from, s.to});
  auto cut = chat::cut_new(c, request);
  if (!cut.event_found && !cut.moved_on && !r.job.message_given_up) {
    p.end = !cut.user_spoke && record_covers_event(r.stored, r.job)
                ? end_with(r.job, flow::job_end::covered)
                : fail_with(r.job, errc::message_missing, "the event's message is not in the conversation");
    p.end.fresh_without_message = cut.user_spoke;
    return p;
  }
  p.of_unknown_time = cut.of_unknown_time;
  p.unreadable = cut.unreadable;
  p.message_missing_but_moved_on = !cut.event_found && !r.job.message_given_up;
  if (!cut.user_spoke && skipped.refused.empty()) {
    p.end = end_with(r.job, flow::job_end::covered);
    return p;
  }
  if (r.job.may_postpone && c.last_activity && r.now < *c.last_activity + r.quiet &&
      r.now >= *c.last_activity) {
    p.end = postpone(r.job, std::chrono::ceil<std::chrono::milliseconds>(*c.last_activity + r.quiet - r.now));
    return p;
  }
  loaded_conversation out;
  out.user_id = std::move(c.user_id);
  out.session_id = std::string{r.job.ids.session()};
  out.title = title_in_prompt(c.title, p.shortened);
  out.forgotten_before = forgotten;
  fill_stored(out, r.stored, p.shortened);
  // Chats make it of what was said first.
  if (!out.unsaid.empty() || !request.left_out.empty()) out.title.clear();
  out.retry_alone = !cut.user_spoke;
  const bool moves = cut.advances && !out.retry_alone;
  const size_t to_follow = skipped.refused.size() + (moves ? skipped.tried.size() : 0);
  out.covers_event = to_follow == (out.retry_alone ? 1 : 0);
  if (out.retry_alone) {
    skipped.refused.resize(1);
    request.only_retry = true;
    request.retry = {{skipped.refused[0].from, skipped.refused[0].to}};
    cut = chat::cut_new(c, request);
  }
  if (!out.retry_alone && out.base && r.stored.conversation->anew) {
    out.anew = true;
    ask_anew(request, *r.stored.conversation, skipped);
    cut = chat::cut_new(c, request);
  }
  out.retried = std::move(out.retry_alone ? skipped.refused : skipped.unasked);
  out.expired = std::move(skipped.expired);
  fill_messages(out, c, cut, request.clock);
  for (auto& m : out.messages) shorten_answer(m, r.max_tokens, p.shortened);
  const size_t fit = messages_that_fit(r, out);
  p.conversation = fit < out.messages.size() ? first_messages(out, fit) : std::move(out);
  return p;
}

std::vector<memory::watermark> span_positions(const loaded_conversation& c) {
  return span_positions(loaded_conversation{c});
}

std::vector<memory::watermark> span_positions(loaded_conversation&& c) {
  std::vector<memory::watermark> out;
  out.reserve(c.span.size());
  for (auto& p : c.span)
    out.push_back(
        std::move(p.message == span_part::not_analysed ? p.position : c.messages[p.message].position));
  return out;
}

loaded_conversation first_messages(const loaded_conversation& c, size_t count) {
  if (count >= c.messages.size()) return c;
  loaded_conversation part = c;
  part.messages.resize(std::max<size_t>(count, 1));
  const auto& last = part.messages.back().position;
  const auto end = std::find_if(part.span.begin(), part.span.end(),
                                [&](const span_part& s) { return s.message == part.messages.size() - 1; });
  if (end != part.span.end()) {
    part.through = last;
    part.anew_to.reset();
    part.span.erase(end + 1, part.span.end());
  } else {
    // Only retried messages, all of them below the watermark: it stays.
    part.through = part.base.value_or(last);
    if (part.anew) part.anew_to = last;
    part.span.clear();
  }
  part.left.clear();
  std::erase_if(part.retried,
                [&](const memory::skipped_span& s) { return !tried_in(c, part.messages.size(), s); });
  for (const auto& s : part.retried)
    if (end_of(c, s) >= part.messages.size())
      part.left.push_back({c.messages[part.messages.size()].position, s.to, s.reason, s.attempts, s.tried});
  part.cut_short = true;
  part.covers_event = false;
  return part;
}

}  // namespace mw::analysis
