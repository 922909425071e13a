#include "protocol/chat/window_cut.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/deliberate_fault.hpp"

namespace mw::chat {
namespace {

/// A watermark so far ahead of the present was written by a clock that is wrong by more than a zone.
constexpr std::chrono::days implausible{1};

/// Whether the messages carry at least two different times, or one that is later than `than`.
bool times_tell(const conversation& c, wall_time than) {
  std::optional<wall_time> one;
  for (const auto& m : c.messages) {
    const auto& t = m.timestamp.at();
    if (!t) continue;
    if (*t > than || (one && *one != *t)) return true;
    one = t;
  }
  return false;
}

/// A watermark placed in one conversation: by position where its message is still there, else by time.
class place {
 public:
  place(const conversation& c, const watermark& mark, const clocks& clock)
      : time_(parse_iso_time(mark.timestamp)) {
    for (size_t i = 0; i < c.messages.size() && !mark.id.empty(); ++i) {
      const auto& m = c.messages[i];
      if (m.id != mark.id) continue;
      // Ids should be unique. Where they are not: the one with the same timestamp, else the first, so that
      // nothing new is taken for old.
      const bool exact = time_ ? m.timestamp.at() == time_ : m.timestamp.text() == mark.timestamp;
      if (!found() || exact) index_ = i;
    }
    if (found() || !time_) return;
    const auto latest = clock.latest(false);
    decides_ = !(latest && *time_ > *latest + implausible) && times_tell(c, *time_);
    for (size_t i = 0; i < c.messages.size() && decides_; ++i)
      if (const auto& t = c.messages[i].timestamp.at(); t && *t <= *time_) covered_ = i + 1;
  }
  bool found() const { return index_ != nowhere; }
  size_t index() const { return index_; }

  /// Whether message `i` lies beyond: later in the list, or (mark not found) strictly later in time.
  bool before(const conversation& c, size_t i) const {
    if (found()) return i > index_;
    if (!decides_) return true;
    const auto& t = c.messages[i].timestamp.at();
    return t ? *t > *time_ : i >= covered_;
  }

  bool at_or_before(const conversation& c, size_t i) const {
    if (found()) return i >= index_;
    const auto& t = c.messages[i].timestamp.at();
    return t && time_ && *t >= *time_;
  }
  bool at_or_after(const conversation& c, size_t i) const {
    if (found()) return i <= index_;
    const auto& t = c.messages[i].timestamp.at();
    return t && time_ && *t <= *time_;
  }

 private:
  static constexpr size_t nowhere = std::string::npos;
  size_t index_ = nowhere;
  std::optional<wall_time> time_;
  bool decides_ = false;
  size_t covered_ = 0;  ///< behind the last message that is at or before the mark by its time
};

bool has_text(const message& m) {
  return m.content.find_first_not_of(" \t\r\n\f\v") != std::string::npos;
}

bool analysable(const message& m) {
  return (m.from == role::user || m.from == role::assistant) && has_text(m);
}

/// Where the exchange of message `event` begins: with the user's messages before the answer.
size_t exchange_of(const conversation& c, size_t event) {
  size_t first = event;
  while (first > 0 && c.messages[first].from != role::user) --first;
  while (first > 0 && c.messages[first - 1].from == role::user) --first;
  return first;
}

/// How much later a message may have been said than its time, which was cut, says.
std::chrono::microseconds coarseness_of(wall_time t) {
  using namespace std::chrono_literals;
  for (const std::chrono::microseconds unit : {60'000'000us, 1'000'000us, 1'000us})
    if (t.time_since_epoch() % unit == 0us) return unit;
  return 0us;
}

/// Whether the user's messages carry one and the same time, and are several.
bool one_time_for_all(const conversation& c) {
  const message* first = nullptr;
  bool several = false;
  for (const auto& m : c.messages) {
    if (m.from != role::user) continue;
    if (first != nullptr && m.timestamp.at() != first->timestamp.at()) return false;
    several = first != nullptr;
    if (first == nullptr) first = &m;
  }
  return several;
}

/// Which messages were said before a wish to be forgotten (see `wish`).
class forgotten {
 public:
  enum class is : uint8_t { kept, gone, of_unknown_time };

  forgotten(const conversation& c, const cut_request& r, std::optional<size_t> event)
      : until_(parse_iso_time(r.forgotten.before)), clock_(r.clock), event_(event) {
    any_ = !r.forgotten.before.empty();
    if (!any_) return;
    all_ = !until_ || (clock_.enqueued && *clock_.enqueued <= *until_);
    if (all_) return;
    times_tell_ = !one_time_for_all(c);
    own_ = event_ ? exchange_of(c, *event_) : c.messages.size();
    if (r.forgotten.through) {
      const place at_wish{c, *r.forgotten.through, clock_};
      if (at_wish.found()) known_ = at_wish.index() + 1;
    }
    unknown_from_ = known_;
    for (size_t i = 0; i < c.messages.size(); ++i)
      if (const auto t = said(c, i); t && *t <= *until_) unknown_from_ = std::max(unknown_from_, i + 1);
  }

  /// `behind_watermark`: a watermark says that the message came after something that is known to be new.
  is judge(const conversation& c, size_t i, bool behind_watermark) const {
    if (!any_) return is::kept;
    if (all_ || i < known_) return is::gone;
    if (const auto t = said(c, i)) return *t <= *until_ ? is::gone : is::kept;
    if (i < unknown_from_) return is::gone;
    return behind_watermark || i >= own_ ? is::kept : is::of_unknown_time;
  }

 private:
  /// Nothing where the message's time says nothing.
  std::optional<wall_time> said(const conversation& c, size_t i) const {
    const auto& t = c.messages[i].timestamp.at();
    if (!t || !times_tell_) return std::nullopt;
    const auto at = clock_.said(*t);
    const bool impossible = event_ && i <= *event_ && clock_.enqueued && at > *clock_.enqueued + clock_noise;
    const bool too_coarse = at <= *until_ && *until_ < at + std::max(coarseness_of(*t), clock_.uncertain());
    return impossible || too_coarse ? std::nullopt : std::optional{at};
  }

  bool any_ = false;
  bool all_ = false;
  std::optional<wall_time> until_;
  const clocks& clock_;
  std::optional<size_t> event_;
  bool times_tell_ = true;
  size_t known_ = 0;         ///< all before were there at the wish
  size_t unknown_from_ = 0;  ///< one before was said before the wish
  size_t own_ = 0;           ///< the event's exchange
};

struct span_place {
  place from;
  place to;
};

std::vector<span_place> places_of(const conversation& c, const std::vector<message_span>& spans,
                                  const clocks& clock) {
  std::vector<span_place> out;
  out.reserve(spans.size());
  for (const auto& span : spans) out.push_back({place{c, span.from, clock}, place{c, span.to, clock}});
  return out;
}

bool in_any(const conversation& c, const std::vector<span_place>& spans, size_t i) {
  return std::any_of(spans.begin(), spans.end(), [&](const span_place& s) {
    return s.from.at_or_before(c, i) && s.to.at_or_after(c, i);
  });
}

/// What was analysed before and enters again, so that a summary is made anew.
class again {
 public:
  again(const conversation& c, const cut_request& r) : kept_(places_of(c, r.kept, r.clock)) {
    if (!r.anew) return;
    any_ = true;
    if (!r.anew->id.empty()) behind_.emplace(c, *r.anew, r.clock);
  }
  bool wants(const conversation& c, size_t i) const {
    return any_ && (!behind_ || behind_->before(c, i)) && !in_any(c, kept_, i);
  }

 private:
  bool any_ = false;
  std::optional<place> behind_;
  std::vector<span_place> kept_;
};

bool moved_on(const conversation& c, const cut_request& request) {
  if (!request.clock.completed_at) return false;
  return std::any_of(c.messages.begin(), c.messages.end(), [&](const message& m) {
    const auto& t = m.timestamp.at();
    return m.from == role::user && t && *t > *request.clock.completed_at;
  });
}

}  // namespace

std::optional<size_t> find_event_message(const conversation& c, std::string_view chat_message_id) {
  if (chat_message_id.empty()) return std::nullopt;
  for (size_t i = c.messages.size(); i-- > 0;) {
    const std::string_view id = c.messages[i].id;
    if (!id.starts_with(chat_message_id)) continue;
    if (id.size() == chat_message_id.size() || id[chat_message_id.size()] == '_') return i;
  }
  return std::nullopt;
}

std::vector<watermark> take_watermarks(conversation& c, wall_time unreadable) {
  std::vector<watermark> out;
  std::string without;
  out.reserve(c.messages.size());
  std::optional<wall_time> latest;
  size_t latest_index = 0;
  for (auto& m : c.messages) {
    const auto t = m.timestamp.at();
    const bool later = t && (!latest || *t > *latest);
    if (later) {
      latest = t;
      latest_index = out.size();
    }
    if (t) {
      out.push_back({std::move(m.id), std::move(m.timestamp).text()});
      continue;
    }
    if (!latest && without.empty()) without = format_iso_time(unreadable);
    out.push_back({std::move(m.id), latest ? out[latest_index].timestamp : without});
  }
  return out;
}

size_t first_beyond(const conversation& c, const std::optional<watermark>& base, const clocks& clock) {
  if (!base) return 0;
  const place at{c, *base, clock};
  size_t first = c.messages.size();
  while (first > 0 && at.before(c, first - 1)) --first;
  return first;
}

cut cut_new(const conversation& c, const cut_request& request) {
  cut out;
  const auto event = find_event_message(c, request.clock.chat_message_id);
  out.event_found = event.has_value();
  std::optional<place> through;
  if (request.through && !deliberate_fault("ignore-watermark"))
    through.emplace(c, *request.through, request.clock);
  const auto retry = places_of(c, request.retry, request.clock);
  const again anew{c, request};
  const forgotten gone{c, request, event};
  bool gap = false;

  for (size_t i = 0; i < c.messages.size(); ++i) {
    const auto& m = c.messages[i];
    const bool beyond = through && through->before(c, i);
    const bool is_new = !through || beyond;
    out.advances = out.advances || (is_new && !request.only_retry);
    if (m.why != unread::no && is_new) ++out.unreadable.at(static_cast<size_t>(m.why) - 1);
    if (!analysable(m)) continue;
    const bool in_retry = in_any(c, retry, i);
    if (in_retry) ++out.retry_seen;
    const bool left_out = i < request.left_out.size() && request.left_out[i];
    const bool wanted = !left_out && (is_new ? !request.only_retry : in_retry || anew.wants(c, i));
    const auto judged = wanted ? gone.judge(c, i, beyond || in_retry) : forgotten::is::gone;
    if (judged == forgotten::is::of_unknown_time && is_new && m.from == role::user) ++out.of_unknown_time;
    if (judged != forgotten::is::kept) {
      gap = true;
      continue;
    }
    if (std::exchange(gap, false) && !out.fresh.empty()) out.breaks.push_back(out.fresh.size());
    out.fresh.push_back(i);
    out.user_spoke = out.user_spoke || m.from == role::user;
  }
  if (!c.messages.empty()) out.through_index = c.messages.size() - 1;
  out.moved_on = !out.event_found && moved_on(c, request);
  return out;
}

}  // namespace mw::chat
