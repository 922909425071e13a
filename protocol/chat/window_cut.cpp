#include "protocol/chat/window_cut.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/deliberate_fault.hpp"

namespace mw::chat {
namespace {

/// A watermark placed in one conversation: by position where its message is still there, else by time.
class place {
 public:
  place(const conversation& c, const watermark& mark) : time_(parse_iso_time(mark.timestamp)) {
    if (mark.id.empty()) return;
    for (size_t i = 0; i < c.messages.size(); ++i) {
      const auto& m = c.messages[i];
      if (m.id != mark.id) continue;
      // Ids should be unique. Where they are not: the one with the same timestamp, else the first, so that
      // nothing new is taken for old.
      const bool exact = m.timestamp.text() == mark.timestamp;
      if (!found() || exact) index_ = i;
    }
  }
  bool found() const { return index_ != nowhere; }
  size_t index() const { return index_; }
  const std::optional<wall_time>& time() const { return time_; }

  /// Whether message `i` lies beyond: later in the list, or (mark not found) strictly later in time.
  bool before(const conversation& c, size_t i) const {
    if (found()) return i > index_;
    const auto& t = c.messages[i].timestamp.at();
    return t && time_ && *t > *time_;
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
};

bool has_text(const message& m) {
  return m.content.find_first_not_of(" \t\r\n\f\v") != std::string::npos;
}

bool analysable(const message& m) {
  return (m.from == role::user || m.from == role::assistant) && has_text(m);
}

class forgotten {
 public:
  explicit forgotten(std::string_view before) : any_(!before.empty()), until_(parse_iso_time(before)) {
    if (until_) *until_ += forget_skew;
  }
  bool contains(const message& m) const {
    if (!any_) return false;
    const auto& t = m.timestamp.at();
    return !until_ || !t || *t <= *until_;
  }

 private:
  bool any_;
  std::optional<wall_time> until_;
};

struct span_place {
  place from;
  place to;
};

bool moved_on(const conversation& c, const cut_request& request) {
  if (!request.completed_at) return false;
  return std::any_of(c.messages.begin(), c.messages.end(), [&](const message& m) {
    const auto& t = m.timestamp.at();
    return m.from == role::user && t && *t > *request.completed_at;
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

std::vector<watermark> take_watermarks(conversation& c) {
  std::vector<watermark> out;
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
    const bool borrows = !t && latest;
    out.push_back({std::move(m.id), borrows ? out[latest_index].timestamp : std::move(m.timestamp).text()});
  }
  return out;
}

size_t first_beyond(const conversation& c, const std::optional<watermark>& base) {
  if (!base) return 0;
  const place at{c, *base};
  size_t first = c.messages.size();
  while (first > 0 && at.before(c, first - 1)) --first;
  return first;
}

cut cut_new(const conversation& c, const cut_request& request) {
  cut out;
  out.event_found = find_event_message(c, request.chat_message_id).has_value();
  std::optional<place> through;
  if (request.through && !deliberate_fault("ignore-watermark")) through.emplace(c, *request.through);
  std::vector<span_place> retry;
  retry.reserve(request.retry.size());
  for (const auto& span : request.retry) retry.push_back({place{c, span.from}, place{c, span.to}});
  const forgotten gone{request.forgotten_before};
  bool gap = false;

  for (size_t i = 0; i < c.messages.size(); ++i) {
    const auto& m = c.messages[i];
    const bool is_new = !through || through->before(c, i);
    out.advances = out.advances || (is_new && !request.only_retry);
    if (!analysable(m)) continue;
    const bool in_retry = std::any_of(retry.begin(), retry.end(), [&](const span_place& s) {
      return s.from.at_or_before(c, i) && s.to.at_or_after(c, i);
    });
    if (in_retry) ++out.retry_seen;
    if (!(is_new ? !request.only_retry : in_retry) || gone.contains(m)) {
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
