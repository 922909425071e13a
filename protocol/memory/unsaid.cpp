#include "protocol/memory/unsaid.hpp"

#include <algorithm>
#include <set>

#include "protocol/base/word_sign.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/position.hpp"
#include "protocol/memory/summary_text.hpp"

namespace mw::memory {
namespace {

/// The same message of a session is kept once, with its last wish.
void remember(profile& p, unsaid_message m) {
  const auto same = [&](const unsaid_message& o) {
    return o.session_hash == m.session_hash && o.message_hash == m.message_hash;
  };
  std::erase_if(p.unsaid, same);
  p.unsaid.push_back(std::move(m));
  if (p.unsaid.size() > max_unsaid) p.unsaid.erase(p.unsaid.begin());
}

bool remembers(const profile& p, const unsaid_message& m) {
  return std::any_of(p.unsaid.begin(), p.unsaid.end(), [&](const unsaid_message& o) {
    return o.session_hash == m.session_hash && o.message_hash == m.message_hash;
  });
}

/// Later than every wish before, whatever the clock says.
std::string next_wish(const profile& p, wall_time now) {
  for (const auto& m : p.unsaid)
    if (const auto at = parse_iso_time(m.time); at && *at >= now) now = *at + std::chrono::microseconds{1};
  return format_iso_time(now);
}

bool all_messages_known(const profile& p, std::string_view session_id) {
  const std::string session = session_hash(session_id);
  return std::none_of(p.unsaid.begin(), p.unsaid.end(), [&](const unsaid_message& m) {
    return m.session_hash == session && m.message_hash.empty();
  });
}

bool is_of_ascii_word(char c) {
  return is_letter(c) || is_digit(c);
}

/// Scripts without spaces know no word's end, so that only an item's ASCII ends are looked at.
bool holds_words(const std::string& text, const std::string& words) {
  for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
    const size_t end = at + words.size();
    const bool opens = at == 0 || !is_of_ascii_word(words.front()) || !is_of_word(text[at - 1]);
    const bool closes = end == text.size() || !is_of_ascii_word(words.back()) || !is_of_word(text[end]);
    if (opens && closes) return true;
  }
  return false;
}

bool names_forgotten(const profile& p, const operation& op) {
  const std::string& said = op.said.empty() ? op.evidence.timestamp : op.said;
  return !may_return(p, op.item, said) || (op.op == op_kind::replace && !may_return(p, op.replaces, said));
}

}  // namespace

std::string unsaid_at(const profile& p, std::string_view session_id) {
  if (p.unsaid.empty()) return {};
  const std::string session = session_hash(session_id);
  std::string last;
  for (const unsaid_message& m : p.unsaid)
    if (m.session_hash == session && is_before(last, m.time)) last = m.time;
  return last;
}

bool is_before(const std::string& made, const std::string& wished) {
  return made != wished && !wished.empty() && (made.empty() || later(wished, made));
}

std::vector<bool> left_out(const profile& p, std::string_view session_id,
                           const std::vector<said_message>& messages) {
  if (p.unsaid.empty()) return {};
  const std::string session = session_hash(session_id);
  std::set<std::string_view> unsaid;
  for (const unsaid_message& m : p.unsaid)
    if (m.session_hash == session && !m.message_hash.empty()) unsaid.insert(m.message_hash);
  if (unsaid.empty()) return {};
  std::vector<bool> out(messages.size());
  bool answers = false;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].of_user) answers = unsaid.contains(message_hash(messages[i].id));
    out[i] = answers;
  }
  return out;
}

bool empty_outdated(record& r, const std::optional<profile>& user) {
  if (!user) return false;
  const std::string wished = unsaid_at(*user, r.session_id);
  if (!is_before(r.unsaid, wished)) return false;
  r.unsaid = wished;
  r.summary = default_summary;
  r.status = record_status::defaults;
  r.themes.clear();
  r.persons.clear();
  r.places.clear();
  r.user_sentiment = sentiment::neutral;
  r.embedding.clear();
  r.anew.reset();
  if (r.through && all_messages_known(*user, r.session_id)) r.anew.emplace();
  return true;
}

bool tells(const record& r, std::string_view item) {
  const std::string words = fold_item(item);
  if (words.empty()) return false;
  if (holds_words(fold_item(r.summary), words)) return true;
  for (const auto* list : {&r.themes, &r.persons, &r.places})
    for (const auto& entry : *list)
      if (holds_words(fold_item(entry), words)) return true;
  return false;
}

std::vector<std::string> unsay_item(profile& p, const profile& known, std::string_view item,
                                    const std::vector<record>& records, wall_time now) {
  const std::string wish = next_wish(p, now);
  const std::string folded = fold_item(item);
  const item_marks marks = marks_of(item);
  std::set<std::string> sessions;
  for (const item_origin& o : known.origins) {
    if (o.session_id.empty() || (fold_item(o.item) != folded && !marks.has(o.instead_of))) continue;
    sessions.insert(o.session_id);
    remember(p, {session_hash(o.session_id),
                 o.message_id.empty() ? std::string{} : message_hash(o.message_id), wish});
  }
  for (const record& r : records)
    if (tells(r, item) && sessions.insert(r.session_id).second)
      remember(p, {session_hash(r.session_id), {}, wish});
  return {sessions.begin(), sessions.end()};
}

std::optional<profile> unsay(const profile& current, const commit& c, std::string_view now) {
  if (current.forgotten.empty()) return std::nullopt;
  std::optional<profile> next;
  const std::string session = session_hash(c.session_id);
  for (const operation& op : c.operations) {
    if (op.evidence.id.empty() || !names_forgotten(current, op)) continue;
    unsaid_message m{session, message_hash(op.evidence.id), c.unsaid ? std::string{} : std::string{now}};
    if (remembers(next ? *next : current, m)) continue;
    if (!next) next = current;
    remember(*next, std::move(m));
  }
  if (!next) return next;
  next->user_id = c.user_id;
  next->timestamp = next->last_updated = now;
  ++next->revision;
  return next;
}

}  // namespace mw::memory
