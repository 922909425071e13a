#include "protocol/analysis/skipped_book.hpp"

#include <algorithm>

#include "protocol/base/json_writer.hpp"
#include "protocol/base/utf8.hpp"

namespace mw::analysis {
namespace {

/// A record that could not be read is asked for again after so long.
constexpr std::chrono::minutes look_again_after{10};

/// Message ids come from outside and may be of any length.
std::string_view brief(std::string_view id) {
  return utf8_prefix(id, 128);
}

memory::skipped_span brief(const memory::skipped_span& s) {
  memory::skipped_span out;
  out.from.id = brief(s.from.id);
  out.to.id = brief(s.to.id);
  out.reason = s.reason;
  out.attempts = s.attempts;
  return out;
}

bool same(const memory::skipped_span& a, const memory::skipped_span& b) {
  return brief(a.from.id) == brief(b.from.id) && brief(a.to.id) == brief(b.to.id);
}

}  // namespace

skipped_book::key skipped_book::key_of(const std::string& user, const std::string& session,
                                       std::string_view from) {
  return {user, session, std::string{brief(from)}};
}

void skipped_book::wait(book_entry e, wall_time since) {
  key k = key_of(e.user_id, e.session_id, e.span.from.id);
  e.at = since;
  if (const auto known = waiting_.find(k); known != waiting_.end()) by_time_.erase({known->second.at, k});
  by_time_.emplace(since, k);
  waiting_.insert_or_assign(std::move(k), std::move(e));
  if (waiting_.size() <= most_waiting) return;
  waiting_.erase(by_time_.begin()->second);
  by_time_.erase(by_time_.begin());
}

// False where it was given up before: noticed by the clock, and by the conversation's next analysis.
bool skipped_book::give_up(const book_entry& e) {
  const bool known = std::any_of(given_up_.begin(), given_up_.end(), [&](const book_entry& g) {
    return g.user_id == e.user_id && g.session_id == e.session_id && same(g.span, e.span);
  });
  if (known) return false;
  given_up_.push_back(e);
  if (given_up_.size() > most_given_up) given_up_.pop_front();
  return true;
}

std::vector<book_entry> skipped_book::stored(const memory::commit& c, wall_time now) {
  std::vector<book_entry> out;
  if (c.retried.empty() && c.skipped.empty()) return out;
  const std::lock_guard lock{mutex_};
  for (const auto& r : c.retried) {
    const auto it = waiting_.find(key_of(c.user_id, c.session_id, r.from.id));
    if (it == waiting_.end()) continue;
    by_time_.erase({it->second.at, it->first});
    waiting_.erase(it);
  }
  for (const auto& s : c.skipped) {
    book_entry e{c.user_id, c.session_id, brief(s), now};
    if (s.waits_for_budget()) {
      wait(std::move(e), now);
    } else if (s.given_up() && give_up(e)) {
      out.push_back(std::move(e));
    }
  }
  return out;
}

std::vector<book_entry> skipped_book::overdue(wall_time now, size_t n) {
  std::vector<book_entry> out;
  const std::lock_guard lock{mutex_};
  while (out.size() < n && !by_time_.empty() && by_time_.begin()->first + conversation_lifetime <= now) {
    auto node = waiting_.extract(by_time_.begin()->second);
    by_time_.erase(by_time_.begin());
    out.push_back(std::move(node.mapped()));
  }
  return out;
}

std::optional<book_entry> skipped_book::expired(const book_entry& e,
                                                const std::optional<memory::record>& stored, wall_time now) {
  const bool skipped_still =
      stored && std::any_of(stored->skipped.begin(), stored->skipped.end(),
                            [&](const auto& s) { return s.waits_for_budget() && same(s, e.span); });
  if (!skipped_still) return std::nullopt;
  auto gone = e;
  gone.span.reason = skipped_for::budget_expired;
  gone.at = now;
  const std::lock_guard lock{mutex_};
  return give_up(gone) ? std::optional{std::move(gone)} : std::nullopt;
}

void skipped_book::look_again(book_entry e, wall_time now) {
  const std::lock_guard lock{mutex_};
  wait(std::move(e), now - conversation_lifetime + look_again_after);
}

std::string skipped_book::json() const {
  std::string out;
  json_writer w{out};
  const std::lock_guard lock{mutex_};
  w.begin_object().field("waiting_for_budget", uint64_t{waiting_.size()}).key("given_up").begin_array();
  size_t left = most_listed;
  for (auto it = given_up_.rbegin(); it != given_up_.rend() && left > 0; ++it, --left)
    w.begin_object()
        .field("session", it->session_id)
        .field("from", it->span.from.id)
        .field("to", it->span.to.id)
        .field("reason", it->span.reason)
        .field("at", format_iso_time(it->at))
        .end_object();
  w.end_array().end_object();
  return out;
}

}  // namespace mw::analysis
